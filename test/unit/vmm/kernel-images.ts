// Kernels for the loaders' tests: ELFs and flat images with Multiboot headers, made field by field.

export const MULTIBOOT1 = 0x1badb002;
export const MULTIBOOT2 = 0xe85250d6;

export interface Segment {
  readonly type?: number;
  readonly offset?: number;
  readonly linear?: bigint;
  readonly physical: bigint;
  readonly bytes: Uint8Array;
  readonly memoryBytes?: bigint;
  /** In place of the length of `bytes`. */
  readonly fileBytes?: bigint;
}

/** An ELF executable; where its parts lie in the file is the segments' own word, or one behind the other. */
export function elf(bits: 32 | 64, entry: bigint, segments: readonly Segment[]): Buffer {
  const is64 = bits === 64;
  const [headBytes, headerBytes] = is64 ? [64, 56] : [52, 32];
  let end = headBytes + headerBytes * segments.length;
  const placed = segments.map((segment) => {
    const at = segment.offset ?? (end + 7) & ~7;
    end = Math.max(end, at + segment.bytes.length);
    return { ...segment, at };
  });
  const file = Buffer.alloc(end);
  file.write("\x7fELF", "latin1");
  file.set([is64 ? 2 : 1, 1, 1], 4);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(is64 ? 62 : 3, 18);
  file.writeUInt32LE(1, 20);
  const word = (value: bigint, at: number): number =>
    is64 ? file.writeBigUInt64LE(value, at) : file.writeUInt32LE(Number(value & 0xffffffffn), at);
  word(entry, 24);
  word(BigInt(headBytes), is64 ? 32 : 28);
  file.writeUInt16LE(headerBytes, is64 ? 54 : 42);
  file.writeUInt16LE(segments.length, is64 ? 56 : 44);
  placed.forEach(({ type = 1, linear, physical, bytes, memoryBytes, fileBytes, at }, i) => {
    const header = headBytes + headerBytes * i;
    file.writeUInt32LE(type, header);
    const inFile = fileBytes ?? BigInt(bytes.length);
    const fields = [BigInt(at), linear ?? physical, physical, inFile, memoryBytes ?? inFile];
    fields.forEach((value, n) => word(value, header + (is64 ? 8 + 8 * n : 4 + 4 * n)));
    file.set(bytes, at);
  });
  return file;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value >>> 0, 4 * i));
  return bytes;
}

/** A header of Multiboot 0.6.96; `addresses` are its fields behind the checksum. */
export function header1(flags: number, addresses: readonly number[] = []): Buffer {
  return words(MULTIBOOT1, flags, -(MULTIBOOT1 + flags), ...addresses);
}

/** A tag of a Multiboot2 header. */
export function headerTag(type: number, flags: number, ...content: readonly number[]): Buffer {
  const tag = words(type | (flags << 16), 8 + 4 * content.length, ...content);
  return Buffer.concat([tag, Buffer.alloc((8 - (tag.length % 8)) % 8)]);
}

/** A Multiboot2 header with these tags and the end tag. */
export function header2(...tags: readonly Buffer[]): Buffer {
  const body = Buffer.concat([...tags, headerTag(0, 0)]);
  const length = 16 + body.length;
  return Buffer.concat([words(MULTIBOOT2, 0, length, -(MULTIBOOT2 + length)), body]);
}
