"""Descriptors as protoc writes them, for gateways and geectl, and messages of their types by python3-protobuf."""
import pathlib
import subprocess

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HERE = pathlib.Path(__file__).resolve().parent


def compile_proto(source, target, change=lambda text: text):
    """Writes the descriptors of a .proto of this folder, after change(text), with what it imports to the path
    `target`."""
    folder = pathlib.Path(target).parent
    copy = folder / source
    copy.write_text(change((HERE / source).read_text()))
    subprocess.run(
        ["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={target}", source],
        cwd=folder, check=True, timeout=60
    )
    return pathlib.Path(target)


def message_classes(path):
    """By full name."""
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(path).read_bytes()).file
    for file in files:
        pool.Add(file)
    return message_factory.MessageFactory(pool).GetMessages([file.name for file in files])
