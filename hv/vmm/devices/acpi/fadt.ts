// The FADT (ACPI 6.4, section 5.2.9) and the FACS (5.2.10): the fixed hardware, and what a PC has for the operating system.

import { PM1A_CONTROL_BLOCK, PM1A_EVENT_BLOCK, PM_TIMER_BLOCK } from "../power-management";
import { RTC_CENTURY } from "../rtc-time";
import { TableWriter } from "./table-writer";

/** "FACP" and "FACS" */
const FADT_SIGNATURE: u32 = 0x50434146;
const FACS_SIGNATURE: u32 = 0x53434146;
const FADT_REVISION: u8 = 6;
const FADT_MINOR_REVISION: u32 = 4;
const FACS_VERSION: u32 = 2;
export const FADT_BYTES: u32 = 276;
export const FACS_BYTES: u32 = 64;
const FACS_RESERVED_BEHIND_VERSION: u32 = 31;

/** The system control interrupt, level-triggered and active high as the MADT says. */
export const SCI_IRQ: u32 = 9;
const PM1_EVENT_BYTES: u32 = 4;
const PM1_CONTROL_BYTES: u32 = 2;
const PM_TIMER_BYTES: u32 = 4;
const RESET_REGISTER: u32 = 0xcf9;
const RESET_VALUE: u32 = 6;

/** Latencies in microseconds from which on C2 and C3 are not supported. */
const NO_C2: u32 = 101;
const NO_C3: u32 = 1001;

// IAPC_BOOT_ARCH (table 5.11): MSI is supported as long as its bit says nothing else.
const BOOT_LEGACY_DEVICES: u32 = 1 << 0;
const BOOT_8042: u32 = 1 << 1;
const BOOT_NO_VGA: u32 = 1 << 2;
const BOOT_ARCHITECTURE: u32 = BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_NO_VGA;

// Fixed feature flags (table 5.10). PWR_BUTTON is 0: the power button is a bit of the PM1 event block.
const FLAG_WBINVD: u32 = 1 << 0;
const FLAG_PROC_C1: u32 = 1 << 2;
const FLAG_NO_SLEEP_BUTTON: u32 = 1 << 5;
const FLAG_NO_FIXED_RTC: u32 = 1 << 6;
const FLAG_32_BIT_TIMER: u32 = 1 << 8;
const FLAG_RESET_REGISTER: u32 = 1 << 10;
const FLAGS: u32 =
  FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_NO_FIXED_RTC | FLAG_32_BIT_TIMER | FLAG_RESET_REGISTER;

/** Generic Address Structures (section 5.2.3.2): of ports, and their sizes of access. */
const GAS_PORTS: u32 = 1;
const GAS_BYTES: u32 = 12;
const GAS_ACCESS_BYTE: u32 = 1;
const GAS_ACCESS_WORD: u32 = 2;
const GAS_ACCESS_DWORD: u32 = 3;

/** Writes the FACS, which nothing uses as nothing sleeps or wakes; `address` is a multiple of 64. */
export function writeFacs(writer: TableWriter, address: u64): void {
  writer.startAt(address);
  writer.put32(FACS_SIGNATURE);
  writer.put32(FACS_BYTES);
  // Hardware signature, waking vector, global lock, flags, 64-bit waking vector.
  writer.putZeroes(16);
  writer.put64(0);
  writer.put8(FACS_VERSION);
  writer.putZeroes(FACS_RESERVED_BEHIND_VERSION);
}

/** Writes the FADT of a machine that is in ACPI mode always: there is no SMI command. */
export function writeFadt(writer: TableWriter, address: u64, facs: u32, dsdt: u32): void {
  writer.startTable(address, FADT_SIGNATURE, FADT_REVISION);
  writer.put32(facs);
  writer.put32(dsdt);
  // Reserved, and no preferred power management profile.
  writer.put16(0);
  writer.put16(SCI_IRQ);
  // SMI_CMD and what would be written there.
  writer.putZeroes(8);
  putBlocks(writer);
  writer.put16(NO_C2);
  writer.put16(NO_C3);
  // Cache flushing, duty cycle, alarms.
  writer.putZeroes(8);
  writer.put8(RTC_CENTURY);
  writer.put16(BOOT_ARCHITECTURE);
  writer.put8(0);
  writer.put32(FLAGS);
  putGas(writer, RESET_REGISTER, 1, GAS_ACCESS_BYTE);
  writer.put8(RESET_VALUE);
  // ARM_BOOT_ARCH.
  writer.put16(0);
  writer.put8(FADT_MINOR_REVISION);
  // X_FIRMWARE_CTRL: where FIRMWARE_CTRL is not 0 it has to be.
  writer.put64(0);
  writer.put64(dsdt);
  putWideBlocks(writer);
  // No sleep registers, as the hardware is not reduced, and no hypervisor vendor identity.
  writer.putZeroes(2 * GAS_BYTES + 8);
  writer.endTable();
}

/** The fields from PM1a_EVT_BLK to CST_CNT. */
function putBlocks(writer: TableWriter): void {
  writer.put32(PM1A_EVENT_BLOCK);
  writer.put32(0);
  writer.put32(PM1A_CONTROL_BLOCK);
  writer.put32(0);
  writer.put32(0);
  writer.put32(PM_TIMER_BLOCK);
  // GPE0_BLK and GPE1_BLK.
  writer.put64(0);
  writer.put8(PM1_EVENT_BYTES);
  writer.put8(PM1_CONTROL_BYTES);
  writer.put8(0);
  writer.put8(PM_TIMER_BYTES);
  // GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT.
  writer.put32(0);
}

/** The fields from X_PM1a_EVT_BLK to X_GPE1_BLK. */
function putWideBlocks(writer: TableWriter): void {
  putGas(writer, PM1A_EVENT_BLOCK, PM1_EVENT_BYTES, GAS_ACCESS_WORD);
  writer.putZeroes(GAS_BYTES);
  putGas(writer, PM1A_CONTROL_BLOCK, PM1_CONTROL_BYTES, GAS_ACCESS_WORD);
  // X_PM1b_CNT_BLK and X_PM2_CNT_BLK.
  writer.putZeroes(2 * GAS_BYTES);
  putGas(writer, PM_TIMER_BLOCK, PM_TIMER_BYTES, GAS_ACCESS_DWORD);
  // X_GPE0_BLK and X_GPE1_BLK.
  writer.putZeroes(2 * GAS_BYTES);
}

function putGas(writer: TableWriter, port: u32, bytes: u32, access: u32): void {
  writer.put8(GAS_PORTS);
  writer.put8(8 * bytes);
  writer.put8(0);
  writer.put8(access);
  writer.put64(port);
}
