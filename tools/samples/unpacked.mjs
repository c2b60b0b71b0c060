// A tool for `basalt run --emulate`: shows each instruction of unpacked code before it runs, and changes the first one.
//
//   npx basalt run --on bochs --append "guest=unpack watch=0:30000-31000:nofetch:emulate" --emulate tools/samples/unpacked.mjs
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

/** The opcode of MOV EAX with an immediate, which guest `unpack` starts with. */
const MOV_EAX = 0xb8;
/** The longest instruction there is. */
const INSTRUCTION_BYTES = 15;
const PAGE_BYTES = 4096;

export default async function ({ gpa, registers, page }, guest) {
  const offset = Number(gpa) % PAGE_BYTES;
  const bytes = page.subarray(offset, offset + INSTRUCTION_BYTES);
  const [instruction] = disassemble(bytes, registers.rip);
  console.error(`unpacked: rax 0x${registers.rax.toString(16)}, next ${instruction}`);
  if (bytes[0] === MOV_EAX) {
    mkdirSync("build", { recursive: true });
    writeFileSync("build/unpacked.bin", page);
    console.error("unpacked: the page is in build/unpacked.bin; the first instruction is to move 43 instead");
    await guest.write(gpa + 1n, Uint8Array.of(43));
  }
  await guest.resume();
}

function disassemble(bytes, address) {
  const words = ["-b", "64", "-o", `0x${address.toString(16)}`, "-"];
  return execFileSync("ndisasm", words, { input: bytes, encoding: "utf8" }).split("\n");
}
