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
import { NOTHING_TYPED, TypedBytes } from "../console/typed-bytes";
import { rdtsc } from "../hardware";
import { VmCommands } from "./vm-commands";

/** TSC ticks between two looks, a millisecond at 4 GHz: a scheduler that switches often does not look each time. */
const POLL_TICKS: u64 = 1 << 22;
/** Bytes that are taken at a look: as many as a UART keeps. */
const MOST_BYTES: u32 = 16;
const NO_VM_TOLD: u32 = 1 << 31;

export class Operator {
  private readonly keys: KeyReader = new KeyReader();
  private lastPoll: u64 = 0;
  /** Bit n: VM n's console has said that it takes no input; NO_VM_TOLD: that no VM is chosen. */
  private told: u32 = 0;

  constructor(
    private readonly console: Console,
    private readonly typed: TypedBytes,
    private readonly commands: VmCommands,
  ) {}

  /**
   * Looks for what was typed, unless it has just done so, and carries out one command at most. To be called where core is in
   * the middle of nothing.
   */
  poll(): void {
    const now = rdtsc();
    if (now - this.lastPoll < POLL_TICKS) return;
    this.lastPoll = now;
    this.commands.leaveEnded();
    for (let n: u32 = 0; n < MOST_BYTES; n++) {
      const byte = this.typed.next();
      if (byte == NOTHING_TYPED) return;
      const key = this.keys.take(byte);
      if (key == KEY_PREFIX) continue;
      if (key != KEY_INPUT) return this.obey(key, byte);
      this.input(byte);
    }
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

  /** A byte for the guest whose console is shown: to be given to its UART, once that receives. */
  private input(_byte: u32): void {
    const target = this.commands.target;
    const bit: u32 = target == ALL_VMS ? NO_VM_TOLD : 1 << target;
    if (this.told & bit) return;
    this.told |= bit;
    this.commands.sayNoInput(target);
  }
}
