// ACPI's soft-off S5 (ACPI 6.5, 4.8.3 "PM1 control", 4.8.3.7 "Sleep control", 16.1).

import { in16 } from "../hardware";
import { AcpiTables } from "./acpi-tables";
import { EndSteps } from "./end-steps";
import { Fadt } from "./fadt";
import { findSleepType } from "./sleep-type";

// PM1 control: SCI_EN says that the hardware is in ACPI mode.
const SCI_EN: u32 = 1;
const SLP_TYP_SHIFT: u32 = 10;
const SLP_TYP_MASK: u32 = 7 << 10;
const SLP_EN: u32 = 1 << 13;
const NO_DEVICE: u32 = 0xffff;
/** PM1 status: wake, RTC, sleep button and power button, each cleared by writing 1: one that is set may wake at once. */
const WAKE_EVENTS: u32 = 0x8700;
// The sleep control and status registers of hardware-reduced ACPI.
const SLEEP_STATUS_WAKE: u32 = 1 << 7;
const SLEEP_CONTROL_TYPE_SHIFT: u32 = 2;
const SLEEP_CONTROL_ENABLE: u32 = 1 << 5;

/** Appends the steps of soft-off; returns what was not found, "" where all was. */
export function addPowerOff(steps: EndSteps, tables: AcpiTables, fadt: Fadt | null): string {
  if (tables.problem.length != 0) return tables.problem;
  if (!fadt) return "there is no FADT";
  const dsdt = fadt.dsdt(tables);
  if (!dsdt) return "the DSDT is not where the FADT says";
  const types = findSleepType(dsdt, tables);
  if (types < 0) return "neither the DSDT nor an SSDT has \\_S5 with two small integers";
  const problem = fadt.isHardwareReduced
    ? addSleepControl(steps, fadt, (<u32>types) & 7)
    : addPm1Control(steps, fadt, (<u32>types) & 7, ((<u32>types) >> 8) & 7);
  // Firmware may take a while before the power goes: nothing is ever equal here.
  if (problem.length == 0) steps.wait8(0x80, 0, 1);
  return problem;
}

function addSleepControl(steps: EndSteps, fadt: Fadt, type: u32): string {
  if (fadt.sleepControl == 0) return "the FADT has no sleep control register at an I/O port";
  if (fadt.sleepStatus != 0) steps.out8(fadt.sleepStatus, SLEEP_STATUS_WAKE);
  steps.out8(fadt.sleepControl, (type << SLEEP_CONTROL_TYPE_SHIFT) | SLEEP_CONTROL_ENABLE);
  return "";
}

/** SLP_TYP is written before SLP_EN, and the other bits stay: hardware may latch the type first. */
function addPm1Control(steps: EndSteps, fadt: Fadt, typeA: u32, typeB: u32): string {
  const a = fadt.pm1aControl;
  const b = fadt.pm1bControl;
  if (a == 0) return "the FADT has no PM1a_CNT port";
  if (in16(a) == NO_DEVICE) return "nothing answers at the FADT's PM1a_CNT port";
  if (!(in16(a) & SCI_EN) && fadt.smiCommandPort != 0 && fadt.acpiEnable != 0) {
    steps.out8(fadt.smiCommandPort, fadt.acpiEnable);
    steps.wait8(a, SCI_EN, SCI_EN);
  }
  if (fadt.pm1aEvent != 0) steps.set16(fadt.pm1aEvent, 0, WAKE_EVENTS);
  if (fadt.pm1bEvent != 0) steps.set16(fadt.pm1bEvent, 0, WAKE_EVENTS);
  for (let enable: u32 = 0; enable <= SLP_EN; enable += SLP_EN) {
    steps.set16(a, ~(SLP_TYP_MASK | SLP_EN), (typeA << SLP_TYP_SHIFT) | enable);
    if (b != 0) steps.set16(b, ~(SLP_TYP_MASK | SLP_EN), (typeB << SLP_TYP_SHIFT) | enable);
  }
  return "";
}
