// The configuration spaces of pci-harness.ts's functions as the specifications say them: a model without the code's own tables.

/** [offset, bytes, value after assignment, bits that can be written]. */
export type Row = readonly [offset: number, bytes: number, value: number, writable: number];

const INTERRUPT_DISABLE = 0x400;
const IO_MEMORY_MASTER = 7;

function header(vendor: number, device: number, revision: number, classCode: number, command: number): Row[] {
  return [
    [0x00, 2, vendor, 0],
    [0x02, 2, device, 0],
    [0x04, 2, command & 3, command],
    [0x08, 1, revision, 0],
    [0x09, 3, classCode, 0],
  ];
}

const line = (device: number): Row[] => [
  [0x3c, 1, 16 + (device % 4), 0xff],
  [0x3d, 1, 1, 0],
];

function plain(device: number, memory: number, port: number): Row[] {
  return [
    ...header(0x1234, 0x1000 + device, 7, 0xff0102, IO_MEMORY_MASTER | INTERRUPT_DISABLE),
    [0x10, 4, memory, -(0x1000 << device) >>> 0],
    [0x1c, 4, port | 1, -(8 << device) >>> 0],
    ...line(device),
  ];
}

function virtio(device: number, id: number, classCode: number, port: number, memory: number, vectors: number): Row[] {
  const structure = (at: number, next: number, bytes: number, type: number, place: readonly number[]): Row[] => [
    [at, 1, 0x09, 0],
    [at + 1, 1, next, 0],
    [at + 2, 1, bytes, 0],
    [at + 3, 1, type, 0],
    [at + 4, 1, place[0]!, 0],
    [at + 8, 4, place[1]!, 0],
    [at + 12, 4, place[2]!, 0],
  ];
  return [
    ...header(0x1af4, 0x1040 + id, 1, classCode, IO_MEMORY_MASTER | INTERRUPT_DISABLE),
    [0x06, 2, 0x10, 0],
    [0x10, 4, port | 1, 0xffff_fffc],
    [0x14, 4, memory, 0xffff_8000],
    [0x2c, 2, 0x1af4, 0],
    [0x2e, 2, 0x1100, 0],
    [0x34, 1, 0x40, 0],
    ...line(device),
    // MSI-X: table at 0x3000, pending bits at 0x4000 of BAR 1.
    [0x40, 1, 0x11, 0],
    [0x41, 1, 0x4c, 0],
    [0x42, 2, vectors - 1, 0xc000],
    [0x44, 4, 0x3001, 0],
    [0x48, 4, 0x4001, 0],
    ...structure(0x4c, 0x5c, 16, 1, [1, 0, 0x38]),
    ...structure(0x5c, 0x70, 20, 2, [0, 0, 4]),
    ...structure(0x70, 0x80, 16, 3, [1, 0x1000, 1]),
    ...structure(0x80, 0x90, 16, 4, [1, 0x2000, 0x1000]),
    [0x90, 1, 0x09, 0],
    [0x92, 1, 20, 0],
    [0x93, 1, 5, 0],
    [0x94, 1, 0, 0xff],
    [0x98, 4, 0, 0xffff_ffff],
    [0x9c, 4, 0, 0xffff_ffff],
  ];
}

/** pci_cfg_data of the virtio functions: it leads elsewhere. */
export const DATA_REGISTER = 0xa0;

/** By device number. */
export const FUNCTIONS: readonly (readonly Row[])[] = [
  header(0x1b36, 0x0008, 0, 0x060000, 4),
  virtio(1, 2, 0x018000, 0xc000, 0xc000_0000, 2),
  plain(2, 0xc000_8000, 0xc020),
  plain(3, 0xc001_0000, 0xc040),
  plain(4, 0xc002_0000, 0xc080),
  virtio(5, 3, 0x078000, 0xc100, 0xc003_0000, 4),
  virtio(6, 4, 0x00ff00, 0xc104, 0xc003_8000, 2),
];

/** One function's configuration space. */
export class SpaceModel {
  readonly bytes = new Uint8Array(256);
  readonly #writable = new Uint8Array(256);

  constructor(rows: readonly Row[]) {
    for (const [offset, bytes, value, writable] of rows) {
      for (let i = 0; i < bytes; i++) {
        this.bytes[offset + i] = value >>> (8 * i);
        this.#writable[offset + i] = writable >>> (8 * i);
      }
    }
  }

  write(offset: number, byte: number): void {
    if (offset >= 256) return;
    const writable = this.#writable[offset]!;
    this.bytes[offset] = (this.bytes[offset]! & ~writable) | (byte & writable);
  }
}
