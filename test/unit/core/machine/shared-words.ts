// The words that CPUs share, on a machine with one CPU: the imports of hv/core/hardware.ts that reach them.
import { u64 } from "./bits.ts";

/** hv/core/processors/shared-words.ts's SHARED_WORDS. */
const SHARED_WORDS = 32768;

export interface SharedWordsImports {
  sharedLoad(word: number): bigint;
  sharedStore(word: number, value: bigint): void;
  sharedExchange(word: number, value: bigint): bigint;
  sharedCompareExchange(word: number, expected: bigint, value: bigint): bigint;
  sharedOr(word: number, bits: bigint): bigint;
  relax(): void;
  waitForInterrupt(): void;
}

/** `interrupt` is called where interrupts are let in: nothing but the timer ever ends a wait here. */
export function sharedWords(interrupt: () => void): SharedWordsImports {
  const words = new BigUint64Array(SHARED_WORDS);
  const old = (word: number): bigint => words[word % SHARED_WORDS]!;
  const set = (word: number, value: bigint): void => void (words[word % SHARED_WORDS] = u64(value));
  return {
    sharedLoad: (word) => old(word >>> 0),
    sharedStore: (word, value) => {
      set(word >>> 0, value);
    },
    sharedExchange: (word, value) => {
      const before = old(word >>> 0);
      set(word >>> 0, value);
      return before;
    },
    sharedCompareExchange: (word, expected, value) => {
      const before = old(word >>> 0);
      if (before === u64(expected)) set(word >>> 0, value);
      return before;
    },
    sharedOr: (word, bits) => {
      const before = old(word >>> 0);
      set(word >>> 0, before | u64(bits));
      return before;
    },
    relax: interrupt,
    waitForInterrupt: interrupt,
  };
}
