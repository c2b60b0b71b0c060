// The symbols of a linked image, as nm tells them.
import { execa } from "execa";

/** Addresses by symbol. Asking for a symbol that the image lacks is an error. */
export class ImageSymbols {
  readonly #addresses: ReadonlyMap<string, bigint>;

  private constructor(addresses: ReadonlyMap<string, bigint>) {
    this.#addresses = addresses;
  }

  static async of(elf: string): Promise<ImageSymbols> {
    const { stdout } = await execa("nm", ["--defined-only", elf]);
    const rows = stdout.split("\n").map((row) => row.split(" "));
    return new ImageSymbols(new Map(rows.map(([address, , name]) => [name ?? "", BigInt(`0x${address}`)])));
  }

  address(name: string): bigint {
    const address = this.#addresses.get(name);
    if (address === undefined)
      throw new Error(`the image has no symbol ${name}; was it renamed in linker.ld or boot/?`);
    return address;
  }
}
