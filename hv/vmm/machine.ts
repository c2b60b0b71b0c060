// The PC that a guest sees: its devices, where they are, and how they are wired.

import { REQUEST_NMI, VcpuPage } from "../shared/vcpu-page";
import { MSR_KVM_WALL_CLOCK_NEW } from "../x86/msr";
import { Bus } from "./bus";
import { ACPI_OK, AcpiTables } from "./devices/acpi/tables";
import { ByteSink } from "./devices/byte-sink";
import { ConsoleLine } from "./devices/console-line";
import { DEBUG_CONSOLE_PORT, DebugConsole } from "./devices/debug-console";
import { EXIT_PORT_START, EXIT_PORTS, ExitPort } from "./devices/exit-port";
import { GuestTsc } from "./devices/guest-tsc";
import { I8259Pair } from "./devices/i8259-pair";
import { InterruptRouter, PCI_INPUTS } from "./devices/interrupt-router";
import { IO_APIC_ADDRESS, IO_APIC_BYTES, IoApic, IoApicMemory } from "./devices/io-apic";
import { KEYBOARD_DATA_PORT, KEYBOARD_STATUS_PORT, KeyboardController } from "./devices/keyboard-controller";
import { LOCAL_APIC_ADDRESS } from "./devices/local-apic/apic-base";
import { ExternalInput } from "./devices/local-apic/external-input";
import { LocalApic } from "./devices/local-apic/local-apic";
import { LocalApicPage, writeLocalApicPage } from "./devices/local-apic/page";
import { ParavirtualClock } from "./devices/paravirtual-clock";
import { PciHost } from "./devices/pci/host";
import { Pit, PIT_PORTS, PIT_START } from "./devices/pit";
import { PM1A_EVENT_BLOCK, PM_PORTS, PM_WIDEST, PowerManagement } from "./devices/power-management";
import { QuietPorts } from "./devices/quiet-ports";
import { ResetControl, SYSTEM_CONTROL_PORT_A, SystemControlPortA } from "./devices/reset-control";
import { Rtc, RTC_PORTS, RTC_START } from "./devices/rtc";
import { SYSTEM_CONTROL_PORT_B, SystemControlPortB } from "./devices/system-control-port-b";
import { COM1, COM1_IRQ, Uart, UART_PORTS } from "./devices/uart/uart";
import { BlockDevice } from "./devices/virtio/block";
import { ConsoleDevice } from "./devices/virtio/console";
import { EntropyDevice } from "./devices/virtio/entropy";
import { virtioFunction } from "./devices/virtio/function";
import { InterruptLine, ProcessorPins } from "./interrupts";
import { Disk } from "./memory/disk";
import { Ram } from "./memory/ram";
import { PortBus } from "./port-bus";
import { RandomGenerator } from "./random";
import { SIGNAL_EVENT, SIGNAL_LINE, Signals } from "./signals";
import { StateTable } from "./state";
import { Alarms, Clock, NEVER } from "./time";

const PAGE_BYTES: u64 = 0x1000;
/** ACPI's tables: where a BIOS has its own, and the memory map says that it is reserved. */
const TABLES_START: u64 = 0xe0000;

// The machine's interrupt wires: ISA IRQs.
const TIMER_IRQ: u32 = 0;
const KEYBOARD_IRQ: u32 = 1;
const RTC_IRQ: u32 = 8;
/** ACPI's SCI. */
const SCI_IRQ: u32 = 9;

/** The vCPU's pins are in its page, where core sees them. */
class PagePins extends ProcessorPins {
  constructor(
    private readonly page: VcpuPage,
    private readonly signals: Signals,
  ) {
    super();
  }

  set waiting(value: u32) {
    this.page.waitingInterrupt = value;
    this.signals.raised |= SIGNAL_EVENT;
  }

  takeAcknowledged(): u32 {
    const acknowledged = this.page.acknowledgedInterrupt;
    this.page.acknowledgedInterrupt = 0;
    return acknowledged;
  }

  raiseNmi(): void {
    this.page.eventRequest |= REQUEST_NMI;
    this.signals.raised |= SIGNAL_EVENT;
  }
}

class PageTsc extends GuestTsc {
  constructor(private readonly page: VcpuPage) {
    super();
  }

  get offset(): u64 {
    return this.page.tscOffset;
  }
}

/** The virtio console's text goes where the UART's goes. */
class LineSink extends ByteSink {
  constructor(
    private readonly line: ConsoleLine,
    private readonly signals: Signals,
  ) {
    super();
  }

  /** One line a call of the vmm. */
  put(byte: u8): bool {
    if (this.signals.raised & SIGNAL_LINE) return false;
    this.line.put(byte);
    return true;
  }
}

export class Machine {
  readonly ports: PortBus;
  /** Physical addresses beyond RAM. */
  readonly memory: Bus;
  readonly uart: Uart;
  readonly alarms: Alarms;
  readonly clock: Clock;
  private readonly apic: LocalApic;
  private readonly pair: I8259Pair;
  private readonly ioApic: IoApic;
  private readonly pit: Pit;
  private readonly portB: SystemControlPortB;
  private readonly rtc: Rtc;
  private readonly keyboard: KeyboardController;
  private readonly resetControl: ResetControl;
  private readonly portA: SystemControlPortA;
  private readonly power: PowerManagement;
  private readonly pci: PciHost;
  private readonly console: ConsoleDevice;
  private readonly random: RandomGenerator;
  private readonly paravirtualClock: ParavirtualClock;
  private readonly tables: AcpiTables;
  /** `tscOffset` of the vCPU page as the devices know it. */
  private tscOffset: u64;
  /** What RDMSR of `readMsr` has read. */
  msrValue: u64 = 0;

  constructor(
    private readonly page: VcpuPage,
    ram: Ram,
    signals: Signals,
    line: ConsoleLine,
    ports: PortBus,
  ) {
    const clock = new Clock(page.tscKilohertz);
    const alarms = new Alarms(signals);
    const memory = new Bus();
    const tsc = new PageTsc(page);
    const apic = new LocalApic(clock, alarms, tsc, new PagePins(page, signals));
    const pair = new I8259Pair();
    const ioApic = new IoApic(apic, PCI_INPUTS);
    pair.listener = new ExternalInput(apic);
    apic.connect(pair, ioApic);
    const inputs = new InterruptRouter(pair, ioApic);
    pair.attachTo(ports);
    memory.attachOften(LOCAL_APIC_ADDRESS, PAGE_BYTES, new LocalApicPage(apic), writeLocalApicPage);
    memory.attach(IO_APIC_ADDRESS, IO_APIC_BYTES, new IoApicMemory(ioApic));

    const uart = new Uart(line, new InterruptLine(inputs, COM1_IRQ));
    ports.attach(COM1, UART_PORTS, uart);
    ports.attach(DEBUG_CONSOLE_PORT, 1, new DebugConsole(line));
    ports.attachWide(EXIT_PORT_START, EXIT_PORTS, 4, new ExitPort(signals));
    const pit = new Pit(clock, alarms, new InterruptLine(inputs, TIMER_IRQ));
    ports.attach(PIT_START, PIT_PORTS, pit);
    const portB = new SystemControlPortB(pit);
    ports.attach(SYSTEM_CONTROL_PORT_B, 1, portB);
    const rtc = new Rtc(clock, alarms, new InterruptLine(inputs, RTC_IRQ), page.startSeconds, ram.bytes);
    ports.attach(RTC_START, RTC_PORTS, rtc);
    const keyboard = new KeyboardController(signals, new InterruptLine(inputs, KEYBOARD_IRQ));
    ports.attach(KEYBOARD_DATA_PORT, 1, keyboard);
    ports.attach(KEYBOARD_STATUS_PORT, 1, keyboard.commandPort);
    const portA = new SystemControlPortA(signals);
    ports.attach(SYSTEM_CONTROL_PORT_A, 1, portA);
    const power = new PowerManagement(clock, alarms, new InterruptLine(inputs, SCI_IRQ), signals);
    ports.attachWide(PM1A_EVENT_BLOCK, PM_PORTS, PM_WIDEST, power);
    new QuietPorts().attachTo(ports);

    // Port 0xcf9 lies amid those of PCI's configuration.
    const resetControl = new ResetControl(signals);
    const pci = new PciHost(inputs, ports, memory, resetControl);
    const console = new ConsoleDevice(ram, alarms, new LineSink(line, signals));
    pci.plug(virtioFunction(console, apic, signals));
    const random = new RandomGenerator(page.seed0, page.seed1, page.seed2, page.seed3);
    pci.plug(virtioFunction(new EntropyDevice(ram, alarms, random), apic, signals));
    if (page.diskBytes != 0) {
      const disk = new Disk(ram, page.diskAddress, page.diskBytes, page.diskIsReadOnly != 0);
      pci.plug(virtioFunction(new BlockDevice(ram, alarms, disk), apic, signals));
    }
    pci.assign();
    apic.startLikeFirmware();
    this.ports = ports;
    this.memory = memory;
    this.clock = clock;
    this.alarms = alarms;
    this.apic = apic;
    this.pair = pair;
    this.ioApic = ioApic;
    this.uart = uart;
    this.pit = pit;
    this.portB = portB;
    this.rtc = rtc;
    this.keyboard = keyboard;
    this.resetControl = resetControl;
    this.portA = portA;
    this.power = power;
    this.pci = pci;
    this.console = console;
    this.random = random;
    this.paravirtualClock = new ParavirtualClock(clock, tsc, ram, <u32>page.startSeconds);
    this.tables = new AcpiTables(ram);
    this.tscOffset = page.tscOffset;
  }

  /** As after power-on, with all contents of disks and the time as they are. */
  reset(): void {
    this.paravirtualClock.reset();
    this.pci.reset();
    this.uart.reset();
    this.pit.reset();
    this.portB.reset();
    this.rtc.reset();
    this.keyboard.reset();
    this.resetControl.reset();
    this.portA.reset();
    this.power.reset();
    this.ioApic.reset();
    this.pair.reset();
    this.apic.reset();
    this.apic.startLikeFirmware();
  }

  /** Writes ACPI's tables: where their RSDP is, or 0 where RAM is too small. Behind `reset`, before a kernel is loaded. */
  writeTables(): u64 {
    return this.tables.write(TABLES_START) == ACPI_OK ? TABLES_START : 0;
  }

  /** Rings the alarms whose time has come. */
  ring(): void {
    this.apic.hear();
    this.heedTscOffset();
    this.alarms.ring(this.clock.now);
  }

  /** The guest may have changed its time-stamp counter: core rings then. */
  private heedTscOffset(): void {
    if (this.page.tscOffset == this.tscOffset) return;
    this.tscOffset = this.page.tscOffset;
    this.apic.onTscOffsetChange();
    this.paravirtualClock.onTscOffsetChange();
  }

  /** Whether anything can still interrupt a processor that halts: an alarm, or somebody who types. */
  get canInterrupt(): bool {
    this.apic.hear();
    return this.page.waitingInterrupt != 0 || this.alarms.next != NEVER || this.uart.listens || this.console.listens;
  }

  /** Writes two bytes to a port of PCI functions, `offset` from PCI_PORTS_START on. */
  writePciWord(offset: u32, value: u16): void {
    this.pci.ports.writeWord(offset, value);
  }

  /** RDMSR of an MSR that core leaves to the machine, into `msrValue`; false for #GP. */
  readMsr(msr: u32): bool {
    if (msr >= MSR_KVM_WALL_CLOCK_NEW) {
      const isClocks = this.paravirtualClock.readMsr(msr);
      this.msrValue = this.paravirtualClock.value;
      return isClocks;
    }
    const isThere = this.apic.readMsr(msr);
    this.msrValue = this.apic.value;
    return isThere;
  }

  /** WRMSR of one; false for #GP. */
  writeMsr(msr: u32, value: u64): bool {
    if (msr >= MSR_KVM_WALL_CLOCK_NEW) return this.paravirtualClock.writeMsr(msr, value);
    return this.apic.writeMsr(msr, value);
  }

  /** CR8. */
  get taskPriority(): u32 {
    return this.apic.taskPriority;
  }
  set taskPriority(priority: u32) {
    this.apic.taskPriority = priority;
  }

  /**
   * The state of all devices; that of RAM, disks and the vCPU is not among it. To restore, reset the machine before.
   * Devices come before the controllers, and the local APIC is last: what they tell them meanwhile is part of what is saved, and
   * nothing while restoring.
   */
  visit(table: StateTable): void {
    this.apic.hear();
    this.heedTscOffset();
    this.uart.visit(table);
    this.pit.visit(table);
    this.portB.visit(table);
    this.rtc.visit(table);
    this.keyboard.visit(table);
    this.resetControl.visit(table);
    this.portA.visit(table);
    this.power.visit(table);
    this.paravirtualClock.visit(table);
    this.random.visit(table);
    this.pci.visit(table);
    this.pair.visit(table);
    this.ioApic.visit(table);
    this.apic.visit(table);
    this.page.wakeAt = this.alarms.next;
  }
}
