// A device's configuration as bytes (virtio 1.2, 2.5), filled in once: little-endian fields at the device's offsets.

export class ConfigurationSpace {
  private readonly contents: StaticArray<u8>;

  constructor(bytes: i32) {
    this.contents = new StaticArray<u8>(bytes);
  }

  /** Fills in a field of `bytes`, 1 to 8, that lies in the space. */
  set(offset: i32, bytes: i32, value: u64): void {
    for (let i = 0; i < bytes; i++) this.contents[offset + i] = <u8>(value >> (8 * i));
  }

  /** Reads `bytes`, 1 to 8, at any offset; 0 behind the end. */
  read(offset: u32, bytes: u32): u64 {
    const end = <u32>this.contents.length;
    let value: u64 = 0;
    for (let i: u32 = 0; i < bytes; i++) {
      const at = offset + i;
      if (at >= offset && at < end) value |= (<u64>this.contents[at]) << (8 * i);
    }
    return value;
  }
}
