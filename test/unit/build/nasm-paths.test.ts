// Holds that the debug information of assembly names its sources from the repository's root, wherever that is.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import { withRelativeDirectory } from "../../../tools/build/nasm-paths.ts";

const SOURCE = `bits 64
section .text
global first
first:
    nop
    ret
section .other progbits alloc exec
global second
second:
    ret
`;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-nasm-"));
});
after(() => rm(directory, { recursive: true }));

async function assemble(folder: string): Promise<Buffer> {
  const cwd = join(directory, folder);
  await mkdir(join(cwd, "boot"), { recursive: true });
  await writeFile(join(cwd, "boot/code.asm"), SOURCE);
  await execa("nasm", "-f elf64 -g -F dwarf --reproducible -o code.o boot/code.asm".split(" "), { cwd });
  return readFile(join(cwd, "code.o"));
}

test("an image with NASM's objects is the same for every folder and has its lines under the path from the root", async () => {
  const near = withRelativeDirectory(await assemble("a"), "boot/code.asm");
  const far = withRelativeDirectory(await assemble("b/quite/another/folder"), "boot/code.asm");
  const loaded = async (object: Buffer, name: string): Promise<string> => {
    const [path, elf] = [join(directory, `${name}.o`), join(directory, `${name}.elf`)];
    await writeFile(path, object);
    await execa("ld", ["--entry=first", "-Ttext=0x200000", "--section-start=.other=0x300000", "-o", elf, path]);
    const { stdout } = await execa("addr2line", ["-e", elf, "0x200000", "0x200001", "0x300000"]);
    return `${stdout}\n${(await readFile(elf)).includes(Buffer.from(directory))}`;
  };
  const expected = "./boot/code.asm:5\n./boot/code.asm:6\n./boot/code.asm:10\nfalse";
  assert.equal(await loaded(near, "near"), expected);
  assert.equal(await loaded(far, "far"), expected);
  const [one, other] = await Promise.all(["near.elf", "far.elf"].map((name) => readFile(join(directory, name))));
  assert.ok(one!.equals(other!), "the linked images differ");
});

test("debug information of another form is refused", async () => {
  const object = await assemble("c");
  assert.throws(() => withRelativeDirectory(object, "boot/other.asm"), /NASM has changed/);
  const relative = withRelativeDirectory(object, "boot/code.asm");
  assert.throws(() => withRelativeDirectory(relative, "boot/code.asm"), /has "boot\/code.asm" and "\."/);
});
