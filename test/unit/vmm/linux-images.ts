// Linux bzImages for the loader's tests, made field by field: the offsets are those of Documentation/arch/x86/boot.rst.

/** Offset and bytes of each field of the setup header that the loader or a test uses. */
export const FIELDS = {
  setup_sects: [0x1f1, 1],
  syssize: [0x1f4, 4],
  vid_mode: [0x1fa, 2],
  boot_flag: [0x1fe, 2],
  jump: [0x200, 2],
  header: [0x202, 4],
  version: [0x206, 2],
  type_of_loader: [0x210, 1],
  loadflags: [0x211, 1],
  code32_start: [0x214, 4],
  ramdisk_image: [0x218, 4],
  ramdisk_size: [0x21c, 4],
  cmd_line_ptr: [0x228, 4],
  initrd_addr_max: [0x22c, 4],
  kernel_alignment: [0x230, 4],
  relocatable_kernel: [0x234, 1],
  xloadflags: [0x236, 2],
  cmdline_size: [0x238, 4],
  setup_data: [0x250, 8],
  pref_address: [0x258, 8],
  init_size: [0x260, 4],
  handover_offset: [0x264, 4],
} as const;
export type Field = keyof typeof FIELDS;

const MIB = 1 << 20;
/** As a real kernel has them, but smaller. */
const USUAL: Readonly<Partial<Record<Field, number>>> = {
  setup_sects: 3,
  boot_flag: 0xaa55,
  jump: 0x6aeb,
  header: 0x53726448,
  version: 0x20f,
  loadflags: 1,
  initrd_addr_max: 0x7fffffff,
  kernel_alignment: 0x200000,
  relocatable_kernel: 1,
  xloadflags: 0x7f,
  cmdline_size: 2047,
  pref_address: 2 * MIB,
  init_size: 0x10000,
  handover_offset: 0x1234,
};

/** Writes fields over those of `file`. */
export function setFields(file: Buffer, fields: Readonly<Partial<Record<Field, number>>>): void {
  for (const [name, value] of Object.entries(fields) as [Field, number][]) {
    const [at, bytes] = FIELDS[name];
    if (bytes === 8) file.writeBigUInt64LE(BigInt(value), at);
    else file.writeUIntLE(value, at, bytes);
  }
}

export function field(file: Buffer, name: Field, start = 0): number {
  const [at, bytes] = FIELDS[name];
  return bytes === 8 ? Number(file.readBigUInt64LE(start + at)) : file.readUIntLE(start + at, bytes);
}

/** A bzImage with `code` behind its setup sectors. */
export function bzImage(code: Uint8Array, fields: Readonly<Partial<Record<Field, number>>> = {}): Buffer {
  const all = { ...USUAL, syssize: code.length >> 4, ...fields };
  const setup = Buffer.alloc(512 * ((USUAL.setup_sects ?? 0) + 1));
  const file = Buffer.concat([setup, code]);
  setFields(file, all);
  return file;
}
