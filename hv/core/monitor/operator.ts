// Who sits at the console: takes what was typed, and does what the keys behind Ctrl-A ask for.

import { Console } from "../console/console";
import {
  COMMAND_ALL,
  COMMAND_HELP,
  COMMAND_KEYS,
  COMMAND_KILL,
  COMMAND_LIST,
  COMMAND_NEXT,
  COMMAND_PAUSE,
  COMMAND_PREVIOUS,
  COMMAND_RESUME,
  COMMAND_TEXTS,
  KEY_INPUT,
  KEY_PREFIX,
  KeyReader,
} from "../console/keys";
import { ALL_VMS } from "../console/shown";
import { queueInput } from "../console/input-queue";
import { NOTHING_TYPED, TypedBytes } from "../console/typed-bytes";
import { rdtsc, relax } from "../hardware";
import { VmCommands } from "./vm-commands";

/** TSC ticks between two looks, a millisecond at 4 GHz: a scheduler that switches often does not look each time. */
const POLL_TICKS: u64 = 1 << 22;
/** Bytes that are taken at a look: as many as a UART keeps. */
const MOST_BYTES: u32 = 16;
/** TSC ticks for which the CPU stays awake behind a byte: some milliseconds, in which the next one of a text comes. */
const AWAKE_TICKS: u64 = 1 << 24;
const NO_VM_TOLD: u32 = 1 << 31;

export class Operator {
  private readonly keys: KeyReader = new KeyReader();
  private lastPoll: u64 = 0;
  /** 0: nothing was typed yet. */
  private lastTyped: u64 = 0;
  /** Bit n: it was told that input of VM n's is lost; NO_VM_TOLD: that no VM is chosen. */
  private told: u32 = 0;

  constructor(
    private readonly console: Console,
    private readonly typed: TypedBytes,
    private readonly commands: VmCommands,
  ) {}

  /** As `hear`, unless it has just done so. */
  poll(): void {
    if (rdtsc() - this.lastPoll >= POLL_TICKS) this.hear();
  }

  /**
   * Takes what was typed, and carries out one command at most. Whether there was anything. To be called where core is in the
   * middle of nothing.
   */
  hear(): bool {
    this.lastPoll = rdtsc();
    this.commands.leaveEnded();
    const target = this.commands.target;
    let isInput = false;
    let command = KEY_PREFIX;
    let count: u32 = 0;
    let byte: u32 = 0;
    while (count < MOST_BYTES && command == KEY_PREFIX) {
      byte = this.typed.next();
      if (byte == NOTHING_TYPED) break;
      count++;
      const key = this.keys.take(byte);
      if (key == KEY_INPUT) isInput = this.input(target, byte) ? true : isInput;
      else command = key;
    }
    if (isInput) this.commands.tellInput(target);
    if (command != KEY_PREFIX) this.obey(command, byte);
    return count != 0;
  }

  /**
   * To be called where this CPU would sleep: whether it had better not, as somebody types or has done so just now, and COM1
   * keeps 16 bytes, which may come within a millisecond.
   */
  isBusy(): bool {
    if (this.hear()) this.lastTyped = this.lastPoll;
    else relax();
    return this.lastTyped != 0 && this.lastPoll - this.lastTyped < AWAKE_TICKS;
  }

  private obey(command: u32, byte: u32): void {
    const commands = this.commands;
    if (command == COMMAND_HELP) return this.help();
    if (command == COMMAND_NEXT) return commands.showOther(1);
    if (command == COMMAND_PREVIOUS) return commands.showOther(-1);
    if (command == COMMAND_ALL) return commands.showAll();
    if (command == COMMAND_LIST) return commands.list();
    if (command == COMMAND_PAUSE) return commands.pause();
    if (command == COMMAND_RESUME) return commands.resume();
    if (command == COMMAND_KILL) return commands.kill();
    const isPrintable = byte > 0x20 && byte < 0x7f;
    const line = this.console.answer().text("Ctrl-A ");
    if (isPrintable) line.byte(<u8>byte);
    else line.hex(byte, 2);
    line.text(" does nothing; Ctrl-A h lists the keys that do").end();
  }

  private help(): void {
    for (let i = 0; i < COMMAND_KEYS.length; i++) {
      const line = this.console
        .answer()
        .text("Ctrl-A ")
        .byte(<u8>COMMAND_KEYS.charCodeAt(i));
      line.text(" ").text(COMMAND_TEXTS[i]).end();
    }
    this.console.answer().text("Ctrl-A Ctrl-A is Ctrl-A for the VM whose console is shown").end();
  }

  /** A byte for the guest whose console is shown. Whether it waits to be given to it; once a VM it is told if not. */
  private input(target: u32, byte: u32): bool {
    const takesInput = this.commands.takesInput(target);
    if (takesInput && queueInput(target, byte)) return true;
    const bit: u32 = target == ALL_VMS ? NO_VM_TOLD : 1 << target;
    if (this.told & bit) return false;
    this.told |= bit;
    if (takesInput) this.commands.sayFull(target);
    else this.commands.sayNoInput(target);
    return false;
  }
}
