// Port 0xe9, where emulators have a console that takes bytes and needs no driver.

import { Device } from "../bus";
import { ConsoleLine } from "./console-line";

export const DEBUG_CONSOLE_PORT: u32 = 0xe9;
/** What an IN reads, by which software tells that the console is there. */
const PRESENT: u64 = 0xe9;

export class DebugConsole extends Device {
  constructor(private readonly line: ConsoleLine) {
    super();
  }

  read(_offset: u32, _bytes: u32): u64 {
    return PRESENT;
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    this.line.put(<u8>value);
  }
}
