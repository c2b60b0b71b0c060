// The part of the ninja file that makes the test guests: build/guests/TOPIC.elf of each test/guests/TOPIC.asm.
import { readdirSync } from "node:fs";
import { join } from "node:path";

const SOURCES = "test/guests";
const LINKER_SCRIPT = `${SOURCES}/lib/guest.ld`;

/** The rules and edges, by paths relative to `root`, and the files that they make. */
export function testGuests(root: string): { lines: string[]; outputs: string[] } {
  const topics = readdirSync(join(root, SOURCES))
    .filter((name) => name.endsWith(".asm"))
    .map((name) => name.slice(0, -".asm".length))
    .sort();
  // NASM 2.16 names no included file in its depfile.
  const library = readdirSync(join(root, SOURCES, "lib"))
    .filter((name) => name.endsWith(".inc"))
    .map((name) => `${SOURCES}/lib/${name}`)
    .sort()
    .join(" ");
  const lines = [
    "rule nasm-guest",
    `  command = nasm -f elf32 -Werror --reproducible -I${SOURCES}/ -MD $out.d -o $out $in`,
    "  description = nasm $in",
    "  depfile = $out.d",
    "  deps = gcc",
    "",
    "rule link-guest",
    "  command = ld -m elf_i386 -nostdlib -static -z noexecstack --no-warn-rwx-segments --build-id=none " +
      `-T ${LINKER_SCRIPT} -o $out $in`,
    "  description = ld $out",
    "",
    ...topics.flatMap((topic) => [
      `build build/guests/${topic}.o: nasm-guest ${SOURCES}/${topic}.asm | ${library}`,
      `build build/guests/${topic}.elf: link-guest build/guests/${topic}.o | ${LINKER_SCRIPT}`,
    ]),
  ];
  return { lines, outputs: topics.map((topic) => `build/guests/${topic}.elf`) };
}
