// Consoles that are raw: a guest's bytes as they are, and Basalt's own lines between them.

// The guest's line that has not ended is kept in shared words, as any CPU may have something to say meanwhile: then that line
// is ended, Basalt's is printed, and the guest's is printed again, so that it is whole where it goes on.

import { consoleWrite, relax, sharedExchange, sharedLoad, sharedStore } from "../hardware";
import { RAW_LENGTH, RAW_LOCK, RAW_OWNER, RAW_TEXT, RAW_TEXT_WORDS } from "../processors/shared-words";
import { RawConsole } from "./console";
import { isVmShown } from "./shown";

/** Bytes of an unfinished line that are kept; a longer one is not printed again. */
const KEPT_BYTES: u64 = RAW_TEXT_WORDS * 8;
/** Bytes that are printed at once, at least as many as a vmm hands over. */
const PIECE_BYTES: i32 = 320;
const NEWLINE: u8 = 0x0a;
/** A text that begins with it is sent without a carriage return before its line feeds (boot/runtime/serial.c). */
const AS_IT_IS: u8 = 0;

export class RawOutput extends RawConsole {
  private readonly piece: StaticArray<u8> = new StaticArray<u8>(PIECE_BYTES + 1);
  private used: i32 = 0;
  private readonly newline: StaticArray<u8> = [NEWLINE];

  start(): void {
    this.used = 0;
  }

  add(byte: u8): void {
    if (this.used < PIECE_BYTES) this.piece[++this.used] = byte;
  }

  end(vm: u32): void {
    if (!isVmShown(vm)) return;
    take();
    const owner = vm + 1;
    if (sharedLoad(RAW_OWNER) != owner) this.endLine();
    sharedStore(RAW_OWNER, owner);
    this.write();
    for (let i = 1; i <= this.used; i++) keep(this.piece[i]);
    release();
  }

  printLine(text: usize, length: u32): void {
    take();
    const isKept = sharedLoad(RAW_LENGTH) <= KEPT_BYTES && isVmShown(<u32>sharedLoad(RAW_OWNER) - 1);
    const kept = sharedLoad(RAW_LENGTH);
    this.endLine();
    consoleWrite(text, length);
    if (isKept && kept != 0) this.printAgain(kept);
    release();
  }

  leave(vm: u32): void {
    take();
    if (sharedLoad(RAW_OWNER) == vm + 1) this.endLine();
    release();
  }

  private endLine(): void {
    if (sharedLoad(RAW_LENGTH) == 0) return;
    consoleWrite(changetype<usize>(this.newline), 1);
    sharedStore(RAW_LENGTH, 0);
  }

  private printAgain(length: u64): void {
    this.start();
    for (let at: u64 = 0; at < length; at++) this.add(keptByte(at));
    this.write();
    sharedStore(RAW_LENGTH, length);
  }

  private write(): void {
    this.piece[0] = AS_IT_IS;
    if (this.used != 0) consoleWrite(changetype<usize>(this.piece), this.used + 1);
  }
}

/** The unfinished line goes on by `byte`, or has ended. */
function keep(byte: u8): void {
  if (byte == NEWLINE) {
    sharedStore(RAW_LENGTH, 0);
    return;
  }
  const length = sharedLoad(RAW_LENGTH);
  if (length > KEPT_BYTES) return;
  if (length < KEPT_BYTES) {
    const word = RAW_TEXT + ((<u32>length) >> 3);
    const shift = (length & 7) << 3;
    const others = sharedLoad(word) & ~((<u64>0xff) << shift);
    sharedStore(word, others | ((<u64>byte) << shift));
  }
  sharedStore(RAW_LENGTH, length + 1);
}

function keptByte(at: u64): u8 {
  return <u8>(sharedLoad(RAW_TEXT + ((<u32>at) >> 3)) >> ((at & 7) << 3));
}

/** One CPU at a time prints between a guest's bytes, for as long as COM1 takes. Who waits lets interrupts in. */
function take(): void {
  while (sharedExchange(RAW_LOCK, 1) != 0) relax();
}

function release(): void {
  sharedStore(RAW_LOCK, 0);
}
