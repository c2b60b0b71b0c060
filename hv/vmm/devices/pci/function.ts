// A PCI function: its configuration space, base addresses, capabilities and interrupt pin (PCI Local Bus 3.0, chapter 6).

import { StateTable } from "../../state";
import { Bar } from "./bar";
import { ConfigurationSpace } from "./configuration-space";
import { gsiOf, SharedLine } from "./intx";
import {
  COMMAND_BUS_MASTER,
  COMMAND_INTERRUPT_DISABLE,
  COMMAND_IO,
  COMMAND_MEMORY,
  PCI_CAPABILITIES_POINTER,
  PCI_CLASS_CODE,
  PCI_COMMAND,
  PCI_DEVICE_ID,
  PCI_HEADER_BYTES,
  PCI_INTERRUPT_LINE,
  PCI_INTERRUPT_PIN,
  PCI_REVISION_ID,
  PCI_STATUS,
  PCI_SUBSYSTEM_ID,
  PCI_SUBSYSTEM_VENDOR_ID,
  PCI_VENDOR_ID,
  STATUS_CAPABILITIES_LIST,
  STATUS_INTERRUPT,
} from "./registers";

const TAG: u32 = 0x50434946; // PCIF
const VERSION: u32 = 1;
const COMMAND_REGISTER: u32 = PCI_COMMAND >> 2;
const PIN_A: u32 = 1;
/** No register: 0 is the identifiers, which nothing else stands for. */
const NONE: u32 = 0;

/** What a function is beside its configuration space. */
export abstract class PciModel {
  /** The guest has written the configuration space, or it has been restored. */
  abstract onConfiguration(): void;
  /** The guest reads or writes the register that the function calls `dataRegister`. */
  abstract readData(): u32;
  abstract writeData(value: u32): void;
  /** As after power-on. */
  abstract reset(): void;
  abstract visit(table: StateTable): void;
}

export class PciFunction {
  readonly space: ConfigurationSpace = new ConfigurationSpace();
  readonly bars: Array<Bar> = [];
  model: PciModel | null = null;
  /** The double word that `model` answers for. */
  dataRegister: u32 = NONE;
  private writableCommand: u32 = COMMAND_BUS_MASTER;
  private device: u32 = 0;
  private wire: SharedLine | null = null;
  private hasInterrupt: bool = false;
  private lastCapability: u32 = PCI_CAPABILITIES_POINTER;
  private endOfCapabilities: u32 = PCI_HEADER_BYTES;

  /** `classCode` is base class, sub-class and programming interface, from the highest of three bytes on. */
  constructor(vendor: u32, device: u32, revision: u32, classCode: u32) {
    const space = this.space;
    space.define(PCI_VENDOR_ID, 2, vendor, 0);
    space.define(PCI_DEVICE_ID, 2, device, 0);
    space.define(PCI_REVISION_ID, 1, revision, 0);
    space.define(PCI_CLASS_CODE, 3, classCode, 0);
    space.define(PCI_COMMAND, 2, 0, COMMAND_BUS_MASTER);
  }

  /** While the machine is put together only, as all up to `addCapability`. */
  identifySubsystem(vendor: u32, id: u32): void {
    this.space.define(PCI_SUBSYSTEM_VENDOR_ID, 2, vendor, 0);
    this.space.define(PCI_SUBSYSTEM_ID, 2, id, 0);
  }

  addBar(bar: Bar): void {
    this.space.define(bar.offset, 4, bar.type, bar.addressMask);
    this.bars.push(bar);
    this.allowCommand(bar.isIo ? COMMAND_IO : COMMAND_MEMORY);
  }

  /** The function interrupts by INTA#. */
  addPin(): void {
    this.space.define(PCI_INTERRUPT_PIN, 1, PIN_A, 0);
    this.space.define(PCI_INTERRUPT_LINE, 1, 0, 0xff);
    this.allowCommand(COMMAND_INTERRUPT_DISABLE);
  }

  /** Appends a capability of `bytes`, which are 0 but for the identifier: its offset. */
  addCapability(id: u32, bytes: u32): u32 {
    const offset = this.endOfCapabilities;
    // The pointer of the one before lies behind its identifier.
    const pointer = this.lastCapability == PCI_CAPABILITIES_POINTER ? this.lastCapability : this.lastCapability + 1;
    this.space.define(pointer, 1, offset, 0);
    this.space.define(offset, 1, id, 0);
    this.space.define(PCI_STATUS, 2, STATUS_CAPABILITIES_LIST >> 16, 0);
    this.lastCapability = offset;
    this.endOfCapabilities = (offset + bytes + 3) & ~3;
    return offset;
  }

  /** The function is at `device` of the bus; `wire` is what its INTA# is soldered to. */
  plug(device: u32, wire: SharedLine): void {
    this.device = device;
    this.wire = wire;
  }

  get hasPin(): bool {
    return (this.space.get(PCI_INTERRUPT_PIN >> 2) & 0xff00) != 0;
  }

  /** The function may write to memory, which messages do, too. */
  get isBusMaster(): bool {
    return (this.space.get(COMMAND_REGISTER) & COMMAND_BUS_MASTER) != 0;
  }

  /** The function asks for an interrupt by its pin, or has ceased to. */
  set interrupt(isHigh: bool) {
    if (isHigh == this.hasInterrupt) return;
    this.hasInterrupt = isHigh;
    this.driveWire();
  }

  /** Reads double word `register` (0 to 63). */
  read(register: u32): u32 {
    const model = this.model;
    if (model && register == this.dataRegister && register != NONE) return model.readData();
    const value = this.space.get(register);
    return register == COMMAND_REGISTER && this.hasInterrupt ? value | STATUS_INTERRUPT : value;
  }

  /** Writes the bits `enabled` of double word `register`. */
  write(register: u32, value: u32, enabled: u32): void {
    this.space.set(register, value, enabled);
    const model = this.model;
    if (model && register == this.dataRegister && register != NONE) model.writeData(value & enabled);
    else this.apply();
  }

  /** As firmware does it: decoding is on, and the interrupt line says where INTA# leads. The base addresses are set. */
  start(): void {
    this.space.set(COMMAND_REGISTER, COMMAND_IO | COMMAND_MEMORY, COMMAND_IO | COMMAND_MEMORY);
    if (this.hasPin) this.space.set(PCI_INTERRUPT_LINE >> 2, gsiOf(this.device, PIN_A), 0xff);
    this.apply();
  }

  /** As after power-on: nothing is decoded. */
  reset(): void {
    this.space.reset();
    const model = this.model;
    if (model) model.reset();
    this.interrupt = false;
    this.apply();
  }

  visit(table: StateTable): void {
    table.begin(TAG, VERSION);
    this.space.visit(table);
    this.hasInterrupt = table.flag(this.hasInterrupt);
    const model = this.model;
    if (model) model.visit(table);
    this.apply();
  }

  private allowCommand(bits: u32): void {
    this.writableCommand |= bits;
    this.space.define(PCI_COMMAND, 2, 0, this.writableCommand);
  }

  /** Does what the configuration space says. */
  private apply(): void {
    const command = this.space.get(COMMAND_REGISTER);
    for (let i = 0; i < this.bars.length; i++) {
      const bar = this.bars[i];
      const isDecoded = (command & (bar.isIo ? COMMAND_IO : COMMAND_MEMORY)) != 0;
      bar.start = this.space.get(bar.offset >> 2) & bar.addressMask;
      bar.decoded = isDecoded ? bar.bytes : 0;
    }
    this.driveWire();
    const model = this.model;
    if (model) model.onConfiguration();
  }

  private driveWire(): void {
    const wire = this.wire;
    const isDisabled = (this.space.get(COMMAND_REGISTER) & COMMAND_INTERRUPT_DISABLE) != 0;
    if (wire) wire.set(this.device, this.hasInterrupt && !isDisabled);
  }
}
