// The ChaCha20 block function (RFC 8439, 2.3).

const ROUND_PAIRS: u32 = 10;
const WORDS: i32 = 16;
// "expand 32-byte k".
const CONSTANT_0: u32 = 0x61707865;
const CONSTANT_1: u32 = 0x3320646e;
const CONSTANT_2: u32 = 0x79622d32;
const CONSTANT_3: u32 = 0x6b206574;

export const KEY_WORDS: i32 = 8;
export const BLOCK_WORDS: i32 = WORDS;
const NONCE_WORDS: i32 = 3;
const KEY_START: i32 = 4;
const COUNTER: i32 = 12;
const NONCE_START: i32 = 13;

/** A key, a nonce, and the block that was made last; words are little-endian. */
export class ChaCha20 {
  readonly key: StaticArray<u32> = new StaticArray<u32>(KEY_WORDS);
  readonly nonce: StaticArray<u32> = new StaticArray<u32>(NONCE_WORDS);
  readonly output: StaticArray<u32> = new StaticArray<u32>(WORDS);
  private readonly input: StaticArray<u32> = new StaticArray<u32>(WORDS);

  /** Makes block `counter` in `output`. */
  block(counter: u32): void {
    const input = this.input;
    const output = this.output;
    input[0] = CONSTANT_0;
    input[1] = CONSTANT_1;
    input[2] = CONSTANT_2;
    input[3] = CONSTANT_3;
    for (let i = 0; i < KEY_WORDS; i++) input[KEY_START + i] = this.key[i];
    input[COUNTER] = counter;
    for (let i = 0; i < NONCE_WORDS; i++) input[NONCE_START + i] = this.nonce[i];
    for (let i = 0; i < WORDS; i++) output[i] = input[i];
    for (let i: u32 = 0; i < ROUND_PAIRS; i++) {
      for (let column = 0; column < 4; column++) this.quarterRound(column, column + 4, column + 8, column + 12);
      this.quarterRound(0, 5, 10, 15);
      this.quarterRound(1, 6, 11, 12);
      this.quarterRound(2, 7, 8, 13);
      this.quarterRound(3, 4, 9, 14);
    }
    for (let i = 0; i < WORDS; i++) {
      output[i] += input[i];
      // The key is in there.
      input[i] = 0;
    }
  }

  /** 2.1, on the words of `output` with these numbers. */
  private quarterRound(first: i32, second: i32, third: i32, fourth: i32): void {
    const output = this.output;
    let a = output[first];
    let b = output[second];
    let c = output[third];
    let d = output[fourth];
    a += b;
    d = rotl<u32>(d ^ a, 16);
    c += d;
    b = rotl<u32>(b ^ c, 12);
    a += b;
    d = rotl<u32>(d ^ a, 8);
    c += d;
    b = rotl<u32>(b ^ c, 7);
    output[first] = a;
    output[second] = b;
    output[third] = c;
    output[fourth] = d;
  }
}
