// grpc_server.cc: a peer of make bench: Arith.Multiply by a callback server of gRPC for C++. Prints the port of
// 127.0.0.1 that it took, and serves until it is terminated.
#include "arith.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

namespace {

class Arith final : public bench::Arith::CallbackService {
    grpc::ServerUnaryReactor *Multiply(grpc::CallbackServerContext *context, const bench::Args *args,
                                       bench::Product *product) override {
        product->set_value(args->a() * args->b());
        grpc::ServerUnaryReactor *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
};

} // namespace

int main() {
    Arith arith;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&arith);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr || port == 0) {
        std::fprintf(stderr, "grpc_server: could not listen on 127.0.0.1\n");
        return 1;
    }
    std::printf("%d\n", port);
    std::fflush(stdout);
    server->Wait();
}
