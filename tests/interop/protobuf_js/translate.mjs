// translate.mjs: what translate.c does, by @bufbuild/protobuf of npm.
//
//   node translate.mjs SET <questions >answers
import { readFileSync, writeSync } from "node:fs";
import { createFileRegistry, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])));

function translate(from, to, name, bytes) {
  const type = registry.getMessage(name);
  const message = from === "b" ? fromBinary(type, bytes) : fromJsonString(type, bytes.toString(), { registry });
  return Buffer.from(to === "b" ? toBinary(type, message) : toJsonString(type, message, { registry }));
}

function answer(sign, bytes) {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(bytes.length + 1);
  head.write(sign, 4);
  const whole = Buffer.concat([head, bytes]);
  for (let sent = 0; sent < whole.length; ) sent += writeSync(1, whole, sent);
}

const questions = readFileSync(0);
for (let at = 0; at < questions.length; ) {
  const end = at + 4 + questions.readUInt32LE(at);
  const [from, to] = questions.toString("latin1", at + 4, at + 6);
  const name = at + 7 + questions[at + 6];
  try {
    answer("+", translate(from, to, questions.toString("utf8", at + 7, name), questions.subarray(name, end)));
  } catch (error) {
    answer("-", Buffer.from(String(error)));
  }
  at = end;
}
