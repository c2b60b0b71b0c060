// Random numbers from a seed, by ChaCha20 with its key erased after each block (fast key erasure, D. J. Bernstein 2017).

import { BLOCK_WORDS, ChaCha20, KEY_WORDS } from "./chacha20";
import { Stateful, StateTable } from "./state";

/** "RAND". */
const TAG: u32 = 0x52414e44;
const VERSION: u32 = 1;

export abstract class EntropySource extends Stateful {
  /** 64 bits that nobody can guess. */
  abstract next(): u64;
}

/** What was given out cannot be found from the state; whoever has the state finds what will be. */
export class RandomGenerator extends EntropySource {
  private readonly cipher: ChaCha20 = new ChaCha20();
  /** The word of the block that is given out next; those before are 0. */
  private at: i32 = BLOCK_WORDS;

  /** Of the seed's 256 bits all count. */
  constructor(seed0: u64, seed1: u64, seed2: u64, seed3: u64) {
    super();
    this.mix(seed0, seed1, seed2, seed3);
  }

  /** Makes what follows depend on 256 further bits, too: after restoring, lest two machines give out the same. */
  mix(seed0: u64, seed1: u64, seed2: u64, seed3: u64): void {
    const key = this.cipher.key;
    key[0] ^= <u32>seed0;
    key[1] ^= <u32>(seed0 >> 32);
    key[2] ^= <u32>seed1;
    key[3] ^= <u32>(seed1 >> 32);
    key[4] ^= <u32>seed2;
    key[5] ^= <u32>(seed2 >> 32);
    key[6] ^= <u32>seed3;
    key[7] ^= <u32>(seed3 >> 32);
    this.refill();
  }

  next(): u64 {
    if (this.at > BLOCK_WORDS - 2) this.refill();
    const words = this.cipher.output;
    const at = this.at;
    const value = words[at] | ((<u64>words[at + 1]) << 32);
    words[at] = 0;
    words[at + 1] = 0;
    this.at = at + 2;
    return value;
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    const key = this.cipher.key;
    const words = this.cipher.output;
    for (let i = 0; i < KEY_WORDS; i++) key[i] = table.u32(key[i]);
    for (let i = 0; i < BLOCK_WORDS; i++) words[i] = table.u32(words[i]);
    this.at = <i32>table.atMost(this.at, BLOCK_WORDS);
  }

  /** The first half of a block is the next key, the second half is given out. */
  private refill(): void {
    const cipher = this.cipher;
    cipher.block(0);
    for (let i = 0; i < KEY_WORDS; i++) {
      cipher.key[i] = cipher.output[i];
      cipher.output[i] = 0;
    }
    this.at = KEY_WORDS;
  }
}
