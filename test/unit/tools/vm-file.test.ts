// vm.json: what it describes, the line, column and key of everything wrong with it, and the modules that are made of it.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ToolError } from "../../../tools/errors.ts";
import { guestNames } from "../../../tools/guests.ts";
import { root } from "../../../tools/paths.ts";
import { vmSchema } from "../../../tools/vms/check-schema.ts";
import { mebibytesOf, mebibytesOfAll, processorsFor, type Vm } from "../../../tools/vms/vm.ts";
import { readVmFile } from "../../../tools/vms/vm-file.ts";
import { modulesFor } from "../../../tools/vms/vm-table.ts";
import { header1 } from "../vmm/kernel-images.ts";

const { RESERVED_NAMES } = (await import(new URL("../../../hv/shared/vm-names.ts", import.meta.url).href)) as {
  readonly RESERVED_NAMES: readonly string[];
};

let directory: string;
let file: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-vms-"));
  file = join(directory, "vm.json");
  await writeFile(join(directory, "web.elf"), header1(3));
  await writeFile(join(directory, "initrd"), "an initrd");
  await writeFile(join(directory, "disk"), Buffer.alloc(1024));
  await writeFile(join(directory, "odd"), Buffer.alloc(1000));
  await writeFile(join(directory, "empty"), "");
});
after(() => rm(directory, { recursive: true }));

async function read(text: string): Promise<Vm[]> {
  await writeFile(file, text);
  return readVmFile(file);
}

/** The lines of the error that `text` is refused with, each without the file's name. */
async function mistakesOf(text: string): Promise<string[]> {
  try {
    await read(text);
  } catch (error) {
    assert.ok(error instanceof ToolError, String(error));
    assert.equal(error.exit, "usage");
    return error.message.split("\n").map((line) => {
      assert.ok(line.startsWith(`${file}:`), line);
      return line.slice(file.length + 1);
    });
  }
  assert.fail(`nothing is wrong with ${text}`);
}

/** A file with one VM of these keys, in line 2. */
const oneVm = (keys: string): string => `{"vms": [\n{ "name": "a", ${keys} }]}`;

test("a file with everything is read, and a kernel's path goes from its folder on", async () => {
  const vms = await read(`{
  "$schema": "vm.schema.json",
  "vms": [
    { "name": "web-1", "kernel": "web.elf", "commandLine": "a=\\"b\\"  c", "memory": "3072M", "cpu": 63, "weight": 100,
      "watches": ["0-1000:nofetch:log", "bffff000-C0000000:noaccess:emulate"], "ticks": 999999999999 },
    { "name": "b", "guest": "count", "memory": "2M", "cpu": "any", "weight": 1, "iterations": 1, "watches": [] }
  ]
}`);
  assert.equal(vms.length, 2);
  assert.equal(vms[0]!.kernel, join(directory, "web.elf"));
  assert.equal(vms[0]!.commandLine, 'a="b"  c');
  assert.equal(vms[1]!.guest, "count");
});

test("a flat binary is any file, and the VM table says that it is one", async () => {
  const vms = await read(oneVm('"kernel": "odd", "flat": true'));
  assert.equal(modulesFor(vms).table, "vm name=a guest=module:1 load=flat -- odd\n");
  assert.equal(modulesFor(await read(oneVm('"kernel": "web.elf", "flat": false'))).table.includes("load="), false);
});

test("initrd and disk are read with paths from the file's folder on, and a disk may be a size", async () => {
  const [vm] = await read(oneVm('"kernel": "web.elf", "initrd": "initrd", "disk": "disk", "diskReadOnly": true'));
  assert.deepEqual(
    [vm!.initrd, vm!.disk, vm!.diskReadOnly],
    [join(directory, "initrd"), join(directory, "disk"), true],
  );
  for (const size of ["2M", "64M", "100M", "698M", "758M", "766M"]) {
    const [other] = await read(oneVm(`"kernel": "web.elf", "disk": "${size}", "console": "raw"`));
    assert.equal(other!.disk, size);
  }
});

test("the sample is one that runs", async () => {
  assert.equal((await readVmFile(join(root, "tools/samples/vms.json"))).length, 3);
});

describe("everything wrong is told with line, column and key, the file's order first:", () => {
  for (const [what, text, ...expected] of [
    ["RAM", oneVm('"guest": "hlt", "memory": "12Q"'), /^2:42: vms\[0\]\.memory: found "12Q", expected an even number/],
    [
      "odd RAM",
      oneVm('"guest": "hlt", "memory": "3M"'),
      /^2:42: .*: found "3M".* write, for example, "memory": "128M"/,
    ],
    ["too much RAM", oneVm('"guest": "hlt", "memory": "3074M"'), /found "3074M"/],
    ["RAM as a number", oneVm('"guest": "hlt", "memory": 128'), /^2:42: vms\[0\]\.memory: found 128, expected/],
    [
      "a key",
      oneVm('"guest": "hlt", "mem": "4M"'),
      /^2:32: vms\[0\]\.mem: found an unknown key, expected one of name,/,
    ],
    ["a key of the file", '{"vms": [{"name": "a", "guest": "hlt"}],\n  "more": 1}', /^2:3: more: found an unknown key/],
    ["no name", '{"vms": [{"guest": "hlt"}]}', /^1:10: vms\[0\]: found no name, expected 1 to 16/],
    ["no guest", '{"vms": [{"name": "a"}]}', /^1:10: vms\[0\]: found neither guest nor kernel/],
    ["two guests", oneVm('"guest": "hlt", "kernel": "web.elf"'), /^2:1: vms\[0\]: found both guest and kernel/],
    [
      "a guest",
      oneVm('"guest": "windows"'),
      /^2:25: vms\[0\]\.guest: found "windows", expected a built-in guest: hlt,/,
    ],
    ["guest module", oneVm('"guest": "module"'), /found "module"/],
    ["a kernel that is not there", oneVm('"kernel": "no.elf"'), /^2:26: vms\[0\]\.kernel: There is no file .*no\.elf/],
    ["a kernel that is none", oneVm('"kernel": "vm.json"'), /^2:26: vms\[0\]\.kernel: .* has no Multiboot header/],
    ["a built-in guest's words", oneVm('"guest": "hlt", "commandLine": "x"'), /commandLine: found "x", expected none/],
    ["a kernel's iterations", oneVm('"kernel": "web.elf", "iterations": 1'), /iterations: found 1, expected none/],
    ["a letter of words", oneVm('"kernel": "web.elf", "commandLine": "\\n"'), /found "\\n", expected printable ASCII/],
    ["an initrd that is not there", oneVm('"kernel": "web.elf", "initrd": "no"'), /initrd: There is no file .*no\. /],
    ["an initrd of nothing", oneVm('"kernel": "web.elf", "initrd": "empty"'), /initrd: .*empty is empty\. Name the/],
    ["a disk that is not there", oneVm('"kernel": "web.elf", "disk": "no"'), /disk: There is no file .*no\. Name/],
    ["a disk of half a sector", oneVm('"kernel": "web.elf", "disk": "odd"'), /odd has 1000 bytes; .* multiple of 512/],
    ["an odd RAM disk", oneVm('"kernel": "web.elf", "disk": "3M"'), /disk: found "3M", expected the path of a file/],
    ["a large RAM disk", oneVm('"kernel": "web.elf", "disk": "768M"'), /disk: found "768M", expected the path/],
    ["a RAM disk in GiB", oneVm('"kernel": "web.elf", "disk": "1G"'), /disk: found "1G", expected the path/],
    ["no disk that is only read", oneVm('"kernel": "web.elf", "diskReadOnly": true'), /diskReadOnly|disk/],
    [
      "a RAM disk that is only read",
      oneVm('"kernel": "web.elf", "disk": "2M", "diskReadOnly": true'),
      /diskReadOnly: found true, expected a disk that is a file/,
    ],
    ["a built-in guest's initrd", oneVm('"guest": "hlt", "initrd": "initrd"'), /initrd: found "initrd", expected none/],
    ["a flat built-in guest", oneVm('"guest": "hlt", "flat": true'), /flat: found true, expected none beside guest/],
    ["a flatness", oneVm('"kernel": "web.elf", "flat": "yes"'), /flat: found "yes", expected true or false/],
    ["a built-in guest's disk", oneVm('"guest": "hlt", "disk": "2M"'), /disk: found "2M", expected none beside guest/],
    ["a console", oneVm('"kernel": "web.elf", "console": "rare"'), /console: found "rare", expected lines: what/],
    ["a CPU", oneVm('"guest": "hlt", "cpu": "all"'), /^2:39: vms\[0\]\.cpu: found "all", expected the number/],
    ["a CPU beyond 63", oneVm('"guest": "hlt", "cpu": 64'), /cpu: found 64/],
    ["half a CPU", oneVm('"guest": "hlt", "cpu": 0.5'), /cpu: found 0.5/],
    ["a weight", oneVm('"guest": "hlt", "weight": 0'), /weight: found 0, expected a whole number from 1 to 100/],
    ["no iterations", oneVm('"guest": "hlt", "iterations": 0'), /iterations: found 0/],
    ["ticks", oneVm('"guest": "hlt", "ticks": "1"'), /ticks: found "1"/],
    [
      "a watch",
      oneVm('"guest": "hlt", "watches": ["30001-31000:nofetch:log"]'),
      /^2:44: vms\[0\]\.watches\[0\]: found/,
    ],
    ["a watch's end", oneVm('"guest": "hlt", "watches": ["2000-1000:nofetch:log"]'), /^2:44: .* START below END/],
    [
      "watches that overlap",
      oneVm('"guest": "hlt", "watches": ["1000-3000:nofetch:log", "2000-4000:nofetch:log"]'),
      /^2:69: vms\[0\]\.watches\[1\]: .* overlaps watch 0/,
    ],
    [
      "two VMs of a name",
      '{"vms": [{"name": "a", "guest": "hlt"},\n {"name": "a", "guest": "hlt"}]}',
      /^2:11: vms\[1\]\.name: found "a", which is vms\[0\]'s name/,
    ],
    ["a key twice", oneVm('"guest": "hlt", "name": "b"'), /^2:32: vms\[0\]\.name: found the key again/],
    ["no VMs", '{"vms": []}', /^1:9: vms: found \[\], expected a list of 1 to 16 VMs/],
    ["a VM that is a number", '{"vms": [5]}', /^1:10: vms\[0\]: found 5, expected an object that describes a VM/],
    ["a list", "[]", /^1:1: found \[\], expected an object with the key vms/],
    ["an empty file", "", /^1:1: found the end, expected a value/],
    ["a file that is cut off", '{"vms": [\n', /^2:1: found the end, expected a comma or the bracket/],
    ["a comma too many", '{"vms": [1,\n]}', /^2:1: found \], expected a value/],
    ["a comma too few", '{"vms": [1\n 2]}', /^2:2: found 2, expected a comma/],
    ["a comment", '{"vms": []\n // none\n}', /^2:2: found \/\/ none, expected no comment/],
    ["single quotes", "{'vms': []}", /^1:2: found 'vms', expected a string in double quotes/],
    ["lists in lists", "[".repeat(60000), /^1:1: found thousands of lists/],
    ["a large file", " ".repeat(65537), /^1:1: found 65537 letters, expected 65536 at most/],
    ["a control character in a key", '{"\\u001b[2J": 1, "vms": []}', /^1:2: \\u001b\[2J: found an unknown key/, /1:25/],
    [
      "in several lines",
      '{"vms": [\n{"name": "A", "guest": "hlt"},\n{"name": "b", "guest": "x", "weight": 101}]}',
      /^2:10: vms\[0\]\.name/,
      /^3:24: vms\[1\]\.guest/,
      /^3:39: vms\[1\]\.weight/,
    ],
  ] as const) {
    test(what, async () => {
      const mistakes = await mistakesOf(text);
      assert.equal(mistakes.length, expected.length, mistakes.join("\n"));
      expected.forEach((pattern, n) => assert.match(mistakes[n]!, pattern));
      for (const mistake of mistakes) assert.match(mistake, /^[ -~…]*\.$/);
    });
  }

  test("seventeen VMs", async () => {
    const vms = Array.from({ length: 17 }, (_, n) => ({ name: `a${n}`, guest: "hlt" }));
    assert.match((await mistakesOf(JSON.stringify({ vms })))[0]!, /^1:8: vms: found .* expected a list of 1 to 16 VMs/);
  });

  test("names that core refuses", async () => {
    for (const name of [
      ...RESERVED_NAMES,
      "",
      "vm0",
      "vm12",
      "1a",
      "-a",
      "a_b",
      "a b",
      "A",
      "a".repeat(17),
      "\u00e9",
    ]) {
      const text = JSON.stringify({ vms: [{ name, guest: "hlt" }] });
      assert.match((await mistakesOf(text))[0]!, /^1:17: vms\[0\]\.name: found/);
    }
    for (const name of ["a", "vm", "vm-1", "vma", "errors", "a".repeat(16), "z-9-"]) {
      await read(JSON.stringify({ vms: [{ name, guest: "hlt" }] }));
    }
  });

  test("a file that is not there, or a folder", async () => {
    await assert.rejects(readVmFile(join(directory, "none.json")), /none\.json: found no such file/);
    await assert.rejects(readVmFile(directory), /found a folder, expected a JSON file/);
  });
});

test("a machine for VMs has the processors that they name", () => {
  const vm = (cpu?: number | "any"): Vm => ({ name: "a", guest: "hlt", ...(cpu === undefined ? {} : { cpu }) });
  assert.equal(processorsFor([vm(), vm("any")]), undefined);
  assert.equal(processorsFor([vm(0)]), 1);
  assert.equal(processorsFor([vm("any"), vm(3), vm(1)]), 4);
});

test("no mangled file is taken for a defect of the tools", async () => {
  const good = `{"vms": [\n{"name": "a", "guest": "count", "weight": 5, "watches": ["1000-2000:nofetch:log"]}\n]}`;
  let seed = 3;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  for (let n = 0; n < 500; n++) {
    const letters = [...good];
    for (let changes = 1 + (random() % 4); changes > 0; changes--) {
      letters.splice(random() % letters.length, random() % 4, String.fromCharCode(random() % 256));
    }
    await writeFile(file, letters.join(""));
    await readVmFile(file).catch((error: unknown) => assert.ok(error instanceof ToolError, String(error)));
  }
});

test("the schema has the guests and the reserved names that Basalt has", () => {
  const { definitions } = vmSchema as unknown as {
    definitions: {
      vm: { properties: { guest: { enum: string[]; description: string }; name: { not: { enum: string[] } } } };
    };
  };
  const { guest, name } = definitions.vm.properties;
  assert.deepEqual(
    guest.enum,
    guestNames.filter((other) => other !== "module"),
  );
  for (const one of guest.enum) assert.match(guest.description, new RegExp(`\\b${one}\\b`));
  assert.deepEqual(name.not.enum, RESERVED_NAMES);
});

describe("the boot modules of VMs", () => {
  test("are a table with a line for each, and each kernel once", () => {
    const vms: Vm[] = [
      { name: "a", kernel: "/k/one.elf", commandLine: "x=1  y", memory: "64M", cpu: 0, weight: 20 },
      { name: "b", guest: "count", iterations: 5, ticks: 9, watches: ["0-1000:nofetch:log", "2000-3000:nowrite:log"] },
      { name: "c", kernel: "/k/two (2).elf", cpu: "any" },
      { name: "d", kernel: "/k/one.elf" },
    ];
    assert.deepEqual(modulesFor(vms), {
      files: [
        { path: "/k/one.elf", commandLine: "one.elf" },
        { path: "/k/two (2).elf", commandLine: "two__2_.elf" },
      ],
      table: [
        "vm name=a guest=module:1 memory=64M cpu=0 weight=20 -- one.elf x=1  y\n",
        "vm name=b guest=count iterations=5 ticks=9 watch=0-1000:nofetch:log watch=2000-3000:nowrite:log\n",
        "vm name=c guest=module:2 cpu=any -- two__2_.elf\n",
        "vm name=d guest=module:1 -- one.elf\n",
      ].join(""),
    });
  });

  test("are each initrd once, a disk once where it is only read, and a disk for each VM that writes it", () => {
    const files = { kernel: "/k/vmlinuz", initrd: "/k/initrd", disk: "/k/disk" } as const;
    const vms: Vm[] = [
      { name: "a", ...files, console: "raw" },
      { name: "b", ...files },
      { name: "c", ...files, diskReadOnly: true },
      { name: "d", ...files, diskReadOnly: true },
      { kernel: "/k/initrd", disk: "1G" },
    ];
    const { table, files: modules } = modulesFor(vms);
    assert.equal(
      table,
      [
        "vm name=a guest=module:1 initrd=module:2 disk=module:3 console=raw -- vmlinuz\n",
        "vm name=b guest=module:1 initrd=module:2 disk=module:4 -- vmlinuz\n",
        "vm name=c guest=module:1 initrd=module:2 disk=module:5:readonly -- vmlinuz\n",
        "vm name=d guest=module:1 initrd=module:2 disk=module:5:readonly -- vmlinuz\n",
        "vm guest=module:6 disk=ram:1024M -- initrd\n",
      ].join(""),
    );
    assert.deepEqual(
      modules.map(({ path }) => path),
      ["/k/vmlinuz", "/k/initrd", "/k/disk", "/k/disk", "/k/disk", "/k/initrd"],
    );
  });

  test("ask for RAM for all of them at once", () => {
    assert.equal(mebibytesOfAll([{ name: "a", kernel: "x", memory: "64M", disk: "32M" }]), 98);
    assert.equal(mebibytesOfAll([{ name: "a", kernel: "x", memory: "64M", disk: "32M.img" }]), 66);
    assert.equal(mebibytesOf({ name: "a", guest: "count" }), 16);
    assert.equal(mebibytesOf({ name: "a", kernel: "x" }), 128);
    assert.equal(mebibytesOf({ name: "a", kernel: "x", memory: "3G" }), 3072);
    assert.equal(
      mebibytesOfAll([
        { name: "a", kernel: "x" },
        { name: "b", guest: "mirror" },
      ]),
      132,
    );
  });
});
