// The PC's keyboard controller, Intel's 8042 with IBM's program (IBM PS/2 Technical Reference, "Keyboard and Auxiliary
// Device Controller"), at ports 0x60 and 0x64. No keyboard is connected, and it has no port for an auxiliary device.

import { Device } from "../bus";
import { InterruptLine } from "../interrupts";
import { SIGNAL_RESET, Signals } from "../signals";
import { StateTable } from "../state";

export const KEYBOARD_DATA_PORT: u32 = 0x60;
export const KEYBOARD_STATUS_PORT: u32 = 0x64;

const STATUS_OUTPUT_FULL: u8 = 0x01;
/** The self test has passed. */
const STATUS_SYSTEM: u8 = 0x04;
/** What was written last was a command. */
const STATUS_COMMAND: u8 = 0x08;
const STATUS_NOT_LOCKED: u8 = 0x10;
/** No device has answered in time. */
const STATUS_TIMEOUT: u8 = 0x40;

// The command byte, which is byte 0 of the controller's RAM.
const COMMAND_INTERRUPT: u8 = 0x01;
const COMMAND_NO_KEYBOARD: u8 = 0x10;
const COMMAND_NO_AUXILIARY: u8 = 0x20;
/** As firmware leaves it: keyboard interrupt, system flag, translation, no auxiliary device. */
const COMMAND_AT_START: u8 = 0x65;

// Commands. Those that have a byte of data are kept until it comes.
const READ_RAM: u8 = 0x20;
const WRITE_RAM: u8 = 0x60;
const RAM_COMMANDS_MASK: u8 = 0xe0;
const RAM_BYTES: u32 = 32;
const TEST_AUXILIARY: u8 = 0xa9;
const SELF_TEST: u8 = 0xaa;
const TEST_KEYBOARD: u8 = 0xab;
const DISABLE_KEYBOARD: u8 = 0xad;
const ENABLE_KEYBOARD: u8 = 0xae;
const READ_INPUT_PORT: u8 = 0xc0;
const READ_OUTPUT_PORT: u8 = 0xd0;
const WRITE_OUTPUT_PORT: u8 = 0xd1;
const WRITE_KEYBOARD_OUTPUT: u8 = 0xd2;
const WRITE_AUXILIARY_OUTPUT: u8 = 0xd3;
const WRITE_AUXILIARY: u8 = 0xd4;
const READ_TEST_INPUTS: u8 = 0xe0;
const FIRST_PULSE: u8 = 0xf0;
const NO_COMMAND: u8 = 0;

const SELF_TEST_PASSED: u8 = 0x55;
const TEST_PASSED: u8 = 0x00;
/** The clock of the auxiliary device hangs at low, as where there is none. */
const CLOCK_IS_LOW: u8 = 0x01;
/** The keyboard is not locked. */
const INPUT_PORT: u8 = 0x80;
/** What the controller gives for a device that does not answer. */
const NO_ANSWER: u8 = 0xfe;

/** Of the output port: 0 resets the processor. */
const OUTPUT_NO_RESET: u8 = 0x01;
/** No reset, A20 on. */
const OUTPUT_AT_START: u8 = 0x03;

/** "KBC " */
const TAG: u32 = 0x4b424320;
const VERSION: u32 = 1;

/** The status, and commands. */
class CommandPort extends Device {
  constructor(private readonly controller: KeyboardController) {
    super();
  }

  read(_offset: u32, _bytes: u32): u64 {
    return this.controller.readStatus();
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    this.controller.takeCommand(<u8>value);
  }
}

/**
 * The data port; `commandPort` is the other one, as port 0x61 between them is another device's. Every command is done
 * at once, so that the input buffer is never full. A byte for a keyboard or an auxiliary device is answered at once
 * with a timeout: drivers that wait for an answer go on.
 */
export class KeyboardController extends Device {
  /** For KEYBOARD_STATUS_PORT. */
  readonly commandPort!: Device;
  private readonly ram: StaticArray<u8> = new StaticArray<u8>(RAM_BYTES);
  private output: u8 = 0;
  private status: u8 = 0;
  /** The command that waits for its byte of data. */
  private command: u8 = NO_COMMAND;
  private outputPort: u8 = OUTPUT_AT_START;

  /** `line` is input 1. */
  constructor(
    private readonly signals: Signals,
    private readonly line: InterruptLine,
  ) {
    super();
    this.commandPort = new CommandPort(this);
    this.reset();
  }

  reset(): void {
    for (let i: u32 = 0; i < RAM_BYTES; i++) this.ram[i] = 0;
    this.ram[0] = COMMAND_AT_START;
    this.output = 0;
    this.status = STATUS_SYSTEM | STATUS_NOT_LOCKED;
    this.command = NO_COMMAND;
    this.outputPort = OUTPUT_AT_START;
    this.line.level = false;
  }

  /** Takes what is in the output buffer. */
  read(_offset: u32, _bytes: u32): u64 {
    this.status &= ~(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
    this.line.level = false;
    return this.output;
  }

  write(_offset: u32, _bytes: u32, value: u64): void {
    this.takeData(<u8>value);
  }

  readStatus(): u8 {
    return this.status;
  }

  takeCommand(command: u8): void {
    this.status |= STATUS_COMMAND;
    this.command = NO_COMMAND;
    const ram = command & RAM_COMMANDS_MASK;
    const at = (<u32>command) & (RAM_BYTES - 1);
    if (ram == READ_RAM) this.answer(this.ram[at]);
    else if (ram == WRITE_RAM) this.command = command;
    else if (command == TEST_AUXILIARY) this.answer(CLOCK_IS_LOW);
    else if (command == SELF_TEST) this.answer(SELF_TEST_PASSED);
    else if (command == TEST_KEYBOARD) this.answer(TEST_PASSED);
    else if (command == DISABLE_KEYBOARD) this.ram[0] |= COMMAND_NO_KEYBOARD;
    else if (command == ENABLE_KEYBOARD) this.ram[0] &= ~COMMAND_NO_KEYBOARD;
    else if (command == READ_INPUT_PORT) this.answer(INPUT_PORT);
    else if (command == READ_OUTPUT_PORT) this.answer(this.outputPort);
    else if (command >= WRITE_OUTPUT_PORT && command <= WRITE_AUXILIARY) this.command = command;
    else if (command == READ_TEST_INPUTS) this.answer(0);
    // A pulse of the bits of the output port that are 0 in the command; bit 0 is the reset.
    else if (command >= FIRST_PULSE && !(command & OUTPUT_NO_RESET)) this.signals.raised |= SIGNAL_RESET;
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    table.bytes(this.ram);
    this.output = table.u8(this.output);
    this.status = table.u8(this.status);
    this.command = table.u8(this.command);
    this.outputPort = table.u8(this.outputPort);
    this.line.level = table.flag(this.line.level);
  }

  private takeData(value: u8): void {
    const command = this.command;
    this.status &= ~STATUS_COMMAND;
    this.command = NO_COMMAND;
    if ((command & RAM_COMMANDS_MASK) == WRITE_RAM) this.writeRam((<u32>command) & (RAM_BYTES - 1), value);
    else if (command == WRITE_OUTPUT_PORT) this.writeOutputPort(value);
    // The auxiliary device's buffer is the keyboard's, and its byte is not marked, where there is no auxiliary port.
    else if (command == WRITE_AUXILIARY_OUTPUT) this.answer(value);
    else if (command == WRITE_KEYBOARD_OUTPUT) this.receive(value, 0);
    else if (command == WRITE_AUXILIARY) this.receive(NO_ANSWER, STATUS_TIMEOUT);
    else {
      // To send something to the keyboard enables it.
      this.ram[0] &= ~COMMAND_NO_KEYBOARD;
      this.receive(NO_ANSWER, STATUS_TIMEOUT);
    }
  }

  private writeRam(at: u32, value: u8): void {
    this.ram[at] = at == 0 ? value | COMMAND_NO_AUXILIARY : value;
    if (at == 0) this.line.level = this.line.level && (value & COMMAND_INTERRUPT) != 0;
  }

  private writeOutputPort(value: u8): void {
    this.outputPort = value;
    if (!(value & OUTPUT_NO_RESET)) this.signals.raised |= SIGNAL_RESET;
  }

  /** Puts a byte of the controller's own into the output buffer, without an interrupt, in place of what is there. */
  private answer(value: u8): void {
    this.output = value;
    this.status = (this.status & ~STATUS_TIMEOUT) | STATUS_OUTPUT_FULL;
    this.line.level = false;
  }

  /**
   * The same with a byte that comes for the keyboard's part, which interrupts; `error` is a bit of the status, or 0.
   */
  private receive(value: u8, error: u8): void {
    this.answer(value);
    this.status |= error;
    this.line.level = (this.ram[0] & COMMAND_INTERRUPT) != 0;
  }
}
