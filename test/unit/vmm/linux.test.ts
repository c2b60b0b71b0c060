// Linux bzImages that are boot modules: what is loaded, what the kernel is told, and what is refused.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { bzImage, field, setFields, type Field } from "./linux-images.ts";
import { Loader } from "./module-loader.ts";

const MIB = 1n << 20n;
const RAM = 8n * MIB;
const MODULE = vcpuPage("MODULE_IN_VMM");
const RSI = 6;
const code = Buffer.from(Array.from({ length: 0x4000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
const initrd = Buffer.from(Array.from({ length: 0x12345 }, (_, i) => (i * 13 + (i >> 7)) & 0xff));

class Started {
  readonly loader: Loader;
  readonly ram: Buffer;
  readonly zeroPage: number;

  constructor(file: Buffer, { ram = RAM, commandLine = "console=ttyS0", disk = initrd } = {}) {
    this.loader = new Loader(ram);
    assert.equal(this.loader.load(file, commandLine, disk), "");
    this.ram = Buffer.from(this.loader.vmm.bytes.buffer, 0, Number(ram));
    this.zeroPage = Number(this.loader.vmm.register(RSI));
  }

  field(name: Field): number {
    return field(this.ram, name, this.zeroPage);
  }

  /** Where the initial RAM disk lies, whose bytes are looked at. */
  get disk(): bigint {
    const at = this.field("ramdisk_image");
    assert.deepEqual(this.ram.subarray(at, at + initrd.length), initrd);
    return BigInt(at);
  }
}

test("a bzImage is loaded to its preferred address and entered 0x200 bytes behind it, in 64-bit mode", () => {
  const { loader, ram } = new Started(bzImage(code));
  assert.deepEqual(ram.subarray(0x200000, 0x200000 + code.length), code);
  assert.equal(loader.vmm.get("startRip"), 0x200200n);
  assert.equal(loader.vmm.get("startMode"), BigInt(vcpuPage("START_64_BIT")));
});

test("the zero page holds the file's setup header, and what the loader has to say in it", () => {
  const file = bzImage(code);
  const started = new Started(file);
  const { zeroPage, ram } = started;
  // The header as the loader is to leave it; the rest of the page but the map is 0.
  const expected = Buffer.alloc(4096);
  file.copy(expected, 0x1f1, 0x1f1, 0x26c);
  setFields(expected, {
    vid_mode: 0xffff,
    type_of_loader: 0xff,
    code32_start: 0x200000,
    ramdisk_image: started.field("ramdisk_image"),
    ramdisk_size: initrd.length,
    cmd_line_ptr: started.field("cmd_line_ptr"),
  });
  // acpi_rsdp_addr.
  expected.writeBigUInt64LE(0xe0000n, 0x70);
  expected[0x1e8] = 5;
  ram.copy(expected, 0x2d0, zeroPage + 0x2d0, zeroPage + 0x2d0 + 5 * 20);
  assert.deepEqual(ram.subarray(zeroPage, zeroPage + 4096), expected);
  assert.equal(started.loader.text(started.field("cmd_line_ptr")), "console=ttyS0");
});

test("the e820 map tells RAM from what is the firmware's, and PCI's configuration space", () => {
  const { ram, zeroPage } = new Started(bzImage(code));
  const entries = Array.from({ length: ram[zeroPage + 0x1e8]! }, (_, i) => {
    const at = zeroPage + 0x2d0 + 20 * i;
    return [ram.readBigUInt64LE(at), ram.readBigUInt64LE(at + 8), ram.readUInt32LE(at + 16)];
  });
  assert.deepEqual(entries, [
    [0n, 0x9fc00n, 1],
    [0x9fc00n, 0x400n, 2],
    [0xe0000n, 0x20000n, 2],
    [MIB, RAM - MIB, 1],
    [0xe0000000n, MIB, 2],
  ]);
});

test("its page tables map the first 4 GiB to themselves, writable, and end there", () => {
  const { loader, ram } = new Started(bzImage(code));
  const PRESENT_WRITABLE = 3n;
  const [LARGE, FLAGS] = [0x80n, 0xfffn];
  const entry = (table: bigint, index: bigint): bigint => ram.readBigUInt64LE(Number((table & ~FLAGS) + 8n * index));
  const cr3 = loader.vmm.get("startCr3");
  for (let address = 0n; address < 4n << 30n; address += 2n * MIB) {
    const pml4e = entry(cr3, address >> 39n);
    const pdpte = entry(pml4e, (address >> 30n) & 511n);
    assert.equal((pml4e & pdpte & 3n) | ((pml4e | pdpte) & LARGE), PRESENT_WRITABLE);
    assert.equal(entry(pdpte, (address >> 21n) & 511n), address | LARGE | PRESENT_WRITABLE);
  }
  for (let i = 1n; i < 512n; i++) assert.equal(entry(cr3, i), 0n);
  for (let i = 4n; i < 512n; i++) assert.equal(entry(entry(cr3, 0n), i), 0n);
});

test("its GDT has flat code at 0x10 and flat data at 0x18, as GDTR tells", () => {
  const { loader, ram } = new Started(bzImage(code));
  const base = Number(loader.vmm.get("startGdtrBase"));
  assert.equal(loader.vmm.get("startGdtrLimit"), 31n);
  // SDM 3A figure 3-8: limit 15:0, base 23:0, type and P, flags and limit 19:16, base 31:24.
  assert.equal(ram.subarray(base + 0x10, base + 0x18).toString("hex"), "ffff0000009baf00", "64-bit code");
  assert.equal(ram.subarray(base + 0x18, base + 0x20).toString("hex"), "ffff00000093cf00", "data");
});

describe("the initial RAM disk", () => {
  test("lies as high in RAM as it can, on a page boundary", () => {
    assert.equal(new Started(bzImage(code)).disk, (RAM - BigInt(initrd.length)) & ~0xfffn);
  });
  test("lies below the kernel's limit, whose last byte it may have", () => {
    const last = 0x400000 + initrd.length - 1;
    assert.equal(new Started(bzImage(code, { initrd_addr_max: last })).disk, 0x400000n);
    assert.equal(new Started(bzImage(code, { initrd_addr_max: last - 1 })).disk, 0x3ff000n);
  });
  test("lies below the kernel where there is no room above it", () => {
    const file = bzImage(code, { init_size: 6 << 20 });
    assert.equal(new Started(file).disk, (2n * MIB - BigInt(initrd.length)) & ~0xfffn);
  });
  test("is told as none where there is none", () => {
    const started = new Started(bzImage(code), { disk: Buffer.alloc(0) });
    assert.deepEqual([started.field("ramdisk_image"), started.field("ramdisk_size")], [0, 0]);
  });
  test("is refused where it fits neither above nor below the kernel", () => {
    const loader = new Loader(RAM);
    const file = bzImage(code, { pref_address: 0x200000, init_size: 6 << 20 });
    assert.match(loader.load(file, "", Buffer.alloc(0x100001)), /too little RAM for its initial RAM disk/);
  });
});

test("a kernel that can be relocated goes to the next aligned address above 1 MiB, another where it says", () => {
  const start = (fields: Partial<Record<Field, number>>): bigint =>
    new Started(bzImage(code, fields)).loader.vmm.get("startRip") - 0x200n;
  assert.equal(start({ pref_address: 0 }), 0x200000n);
  assert.equal(start({ pref_address: 0x280000 }), 0x400000n);
  assert.equal(start({ pref_address: 0, kernel_alignment: 0x1000 }), 0x100000n);
  assert.equal(start({ pref_address: 0x280000, relocatable_kernel: 0 }), 0x280000n);
});

test("setup_sects of 0 stands for 4", () => {
  const file = bzImage(Buffer.concat([Buffer.alloc(512), code]), { setup_sects: 0, syssize: code.length >> 4 });
  assert.deepEqual(new Started(file).ram.subarray(0x200000, 0x200000 + code.length), code);
});

test("a command line as long as the kernel takes is passed on whole, a longer one is refused", () => {
  const file = bzImage(code, { cmdline_size: 100 });
  const started = new Started(file, { commandLine: "x".repeat(100) });
  assert.equal(started.loader.text(started.field("cmd_line_ptr")), "x".repeat(100));
  assert.match(new Loader(RAM).load(file, "x".repeat(101)), /command line is longer than/);
});

test("a kernel that is loaded again finds the same as at first, whatever its guest has left in RAM, and no heap grows", () => {
  const { loader, ram, zeroPage } = new Started(bzImage(code));
  const low = Buffer.from(ram.subarray(0x6000, 0x6020)).toString("hex");
  const page = Buffer.from(ram.subarray(zeroPage, 0x10010));
  const heap = loader.vmm.bytes.subarray(0xc0000000, 0xc0400000);
  const end = heap.findLastIndex((byte) => byte !== 0);
  for (let n = 0; n < 20; n++) {
    ram.fill(0xcc);
    assert.equal(loader.load(bzImage(code), "console=ttyS0", initrd), "");
    assert.equal(ram.subarray(0x6000, 0x6020).toString("hex"), low);
    // The zero page, the page tables and the command line.
    const mapped = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 0x7000), bytes.subarray(0x9000)]);
    assert.deepEqual(mapped(ram.subarray(zeroPage, 0x1000e)), mapped(page.subarray(0, 0x900e)));
    assert.deepEqual(ram.subarray(0x200000, 0x200000 + code.length), code);
  }
  assert.equal(
    heap.findLastIndex((byte) => byte !== 0),
    end,
  );
});

describe("a bzImage is refused with", () => {
  const refusals: readonly (readonly [what: string, fields: Partial<Record<Field, number>>, message: RegExp])[] = [
    ["a wrong boot_flag", { boot_flag: 0xaa54 }, /boot_flag is not 0xaa55/],
    ["a protocol before 2.12", { version: 0x20b }, /before 2\.12/],
    ["a header that ends before init_size does", { jump: 0x61eb }, /length makes no sense/],
    ["a header that is longer than its place", { jump: 0x8feb }, /length makes no sense/],
    ["code that is loaded low", { loadflags: 0 }, /zImage/],
    ["32 bits alone", { xloadflags: 0x7e }, /of 32 bits/],
    ["no code", { syssize: 0 }, /syssize is too small/],
    ["code that ends at the entry point", { syssize: 0x20 }, /syssize is too small/],
    ["more code than the file", { syssize: (code.length >> 4) + 1 }, /truncated/],
    ["more setup sectors than the file", { setup_sects: 255 }, /truncated/],
    ["an init_size below its code", { init_size: code.length - 1 }, /init_size is smaller/],
    ["an alignment of 0", { kernel_alignment: 0 }, /kernel_alignment/],
    ["an alignment that is no power of two", { kernel_alignment: 0x3000 }, /kernel_alignment/],
    ["an alignment below a page", { kernel_alignment: 0x800 }, /kernel_alignment/],
    ["a preferred address beyond RAM", { pref_address: 0x800000 }, /too little RAM for this Linux kernel/],
    ["an address beyond 4 GiB", { pref_address: 2 ** 40 }, /too little RAM for this Linux kernel/],
    ["more memory than RAM", { init_size: 0x600001 }, /too little RAM for this Linux kernel/],
    ["a fixed address below 1 MiB", { pref_address: 0x10000, relocatable_kernel: 0 }, /below 1 MiB/],
    ["an alignment beyond RAM", { kernel_alignment: 0x80000000 }, /too little RAM for this Linux kernel/],
    ["no room below its limit", { initrd_addr_max: 0 }, /too little RAM for its initial RAM disk/],
    ["a damaged magic number", { header: 0x53726449 }, /no Multiboot header/],
  ];
  for (const [what, fields, message] of refusals) {
    test(what, () => assert.match(new Loader(RAM).load(bzImage(code, fields), "", initrd), message));
  }

  test("an end anywhere before its code's", () => {
    const loader = new Loader(RAM);
    const file = bzImage(code);
    for (let length = 0x206; length < file.length; length += 61) {
      assert.match(loader.load(file.subarray(0, length), "", initrd), /ends within|truncated|makes no sense/);
    }
  });
});

test("of 20,000 damaged bzImages none traps, none writes outside RAM, and none is started outside of its RAM", () => {
  const ram = 4n * MIB;
  const loader = new Loader(ram);
  const { bytes } = loader.vmm;
  const sound = bzImage(code, { init_size: 0x5000 });
  const odd = [0, 1, 2, 3, 0x10, 0x20, 0x7f, 0xff, 0x1000, 0xffff, 0x9fc00, 0xa0000, 0x100000, 0x1ff000, 0x3ff000];
  const values = [...odd, 0x400000, 0x7fffffff, 0x80000000, 0xd0000000, 0xfffe0000, 0xfffff000, 0xffffffff];
  let state = 1;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const outcomes = { loaded: 0, refused: 0 };
  for (let n = 0; n < 20_000; n++) {
    const file = Buffer.from(sound);
    for (let k = random(2); k >= 0; k--) {
      const at = 0x1f0 + random(0x80);
      if (random(2) === 0) file[at] = random(256);
      else file.writeUInt32LE(values[random(values.length)]!, at & ~3);
    }
    const cut = random(8) === 0 ? file.subarray(0, random(file.length)) : file;
    const problem = loader.load(cut, "line", initrd.subarray(0, random(initrd.length)));
    if (problem !== "") {
      outcomes.refused++;
      continue;
    }
    outcomes.loaded++;
    if (loader.vmm.register(RSI) === 0n) continue;
    const rip = loader.vmm.get("startRip");
    assert.ok(rip < ram && rip >= MIB, `entry ${rip.toString(16)}`);
    const zeroPage = Number(loader.vmm.register(RSI));
    const page = Buffer.from(bytes.buffer, zeroPage, 4096);
    const [disk, length] = [field(page, "ramdisk_image"), field(page, "ramdisk_size")];
    assert.ok(length === 0 || (disk >= 0x100000 && BigInt(disk + length) <= ram), "an initial RAM disk in RAM");
    const start = Number(rip) - 0x200;
    const kernelEnd = start + Math.max(field(page, "init_size"), code.length);
    assert.ok(length === 0 || disk >= kernelEnd || disk + length <= start, "it does not overlap the kernel");
    assert.deepEqual(Buffer.from(bytes.subarray(MODULE, MODULE + cut.length)), cut);
  }
  assert.ok(bytes.subarray(Number(ram), 16 * Number(ram)).every((byte) => byte === 0));
  assert.ok(outcomes.loaded > 4000 && outcomes.refused > 4000, JSON.stringify(outcomes));
});
