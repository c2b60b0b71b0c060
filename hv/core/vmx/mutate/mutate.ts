// The boot option guest=mutate: thousands of VM entries from VMCSs with one or two wrong bits, each foretold by the doctor.

// It proves the doctor against whatever executes VMLAUNCH. The journal has each prediction and each outcome between the
// lines of the emulator's own log (test/boot/mutate.test.ts); the console has the sums.

import {
  EXIT_REASON_BASIC_MASK,
  EXIT_REASON_ENTRY_FAILURE,
  EXIT_REASON_INVALID_GUEST_STATE,
  EXIT_REASON_MSR_LOADING,
} from "../../../x86/exit-reasons";
import { IA32_VMX_BASIC, IA32_VMX_EPT_VPID_CAP } from "../../../x86/msr";
import { EXIT_REASON, VM_INSTRUCTION_ERROR } from "../../../x86/vmcs-fields";
import { Doctor } from "../../../doctor/doctor";
import { vmxRuleBook } from "../../../doctor/vmx-rule-book";
import { openInterruptWindow, VM_FAIL_VALID, VM_SUCCEED, vmclear, vmEnter, vmptrld, vmread } from "../../hardware";
import { defaultName } from "../../boot/vm-description";
import { GuestMemory } from "../../guest-memory";
import { Machine } from "../../machine";
import { Ept } from "../ept/ept";
import { RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "../../results";
import { allowedOnes } from "../capabilities";
import { writeControlFields } from "../control-fields";
import { ExecutionControls } from "../execution-controls";
import { writeHostState } from "../host-state";
import { GuestTranslations, VpidInvalidation } from "../invalidate";
import { startState } from "../../vcpu/start-states";
import { writeGuestState } from "../guest-state";
import { Vmx } from "../vmx";
import { VmxVcpu } from "../vmx-vcpu";
import { KIND_64_BIT, KIND_REAL_MODE } from "../../guest-kinds";
import { allocateVmxRegion } from "../vmx-region";
import { BASE_NAMES } from "./base-names";
import { Bases } from "./bases";
import { Examination } from "./examination";
import { Journal } from "../../mutate/journal";
import {
  CLASS_CONTROLS,
  CLASS_GUEST,
  CLASS_HOST,
  CLASS_LETTERS,
  CLASS_MSR_LOADING,
  CLASS_NAMES,
  CLASS_OTHER,
  CLASS_SUCCESS,
  CLASSES,
  Judge,
} from "./judge";
import { Mutation, Mutations } from "./mutations";
import { Slots } from "./slots";
import { Surroundings } from "./surroundings";
import { injectsUnknownEvent, survives } from "./survival";
import { VmcsImage } from "./vmcs-image";

const VPID: u16 = 1;
/** Of bits in the first base, and in each other one. */
const PAIRS: u32 = 600;
const FURTHER_PAIRS: u32 = 60;
const SHOWN_DISAGREEMENTS: u32 = 20;

/** Runs all bases in VMX operation, with no VMCS current, and leaves none current. */
export function runMutations(machine: Machine, vmx: Vmx): u32 {
  const basic = vmx.capabilities.of(IA32_VMX_BASIC);
  const vmcs = allocateVmxRegion(machine.pool, basic);
  const page = machine.pool.allocateAdjacent(2);
  const around = new Surroundings(machine.pool, basic);
  if (vmcs == 0 || page == 0 || !around.isWhole) return RESULT_TOO_LITTLE_MEMORY;
  return new MutationRun(machine, vmx, vmcs, page, around).run();
}

class MutationRun {
  private readonly journal: Journal = new Journal();
  private readonly judge: Judge;
  private readonly vcpu: VmxVcpu;
  private readonly slots: Slots;
  /** The base, its mutation, and what the VMCS then really holds. */
  private readonly base: VmcsImage;
  private readonly mutated: VmcsImage;
  private readonly bases: Bases;
  private readonly examination: Examination;
  private readonly mutation: Mutation = new Mutation();
  private serial: u64 = 0;
  private executed: u64 = 0;
  private leftOut: u64 = 0;
  private undecidable: u64 = 0;
  private disagreements: u32 = 0;
  private readonly outcomes: StaticArray<u32> = new StaticArray<u32>(CLASSES);

  constructor(
    private readonly machine: Machine,
    private readonly vmx: Vmx,
    private readonly vmcs: u64,
    page: usize,
    private readonly around: Surroundings,
  ) {
    const capabilities = vmx.capabilities;
    const described = capabilities.of(IA32_VMX_EPT_VPID_CAP);
    // It maps nothing.
    const ept = new Ept(machine.pool, described, machine.mtrrs, machine.maximumPhysicalAddress);
    const translations = new GuestTranslations(ept, new VpidInvalidation(VPID, described));
    const memory = new GuestMemory(machine, 0, defaultName(0), 0, machine.pool, 0);
    const vcpu = new VmxVcpu(machine, vmx, 0, KIND_64_BIT, page, vmcs, 0, memory, translations);
    vcpu.shared.startCr3 = around.zeroes;
    const controls = new ExecutionControls(capabilities, KIND_64_BIT);
    vmclear(vmcs);
    vmptrld(vmcs);
    writeControlFields(controls, ept.pointer, VPID, around.zeroes);
    writeHostState(vcpu, controls);
    writeGuestState(startState(KIND_64_BIT, vcpu.shared), controls, capabilities);
    const judge = new Judge(new Doctor(vmxRuleBook()));
    const slots = new Slots();
    const start = new VmcsImage(slots);
    start.read();
    this.vcpu = vcpu;
    this.slots = slots;
    this.base = new VmcsImage(slots);
    this.mutated = new VmcsImage(slots);
    this.bases = new Bases(capabilities, around, start, startState(KIND_REAL_MODE, vcpu.shared));
    this.judge = judge;
    this.examination = new Examination(judge.doctor.subject, capabilities, machine.pool, vmcs);
  }

  run(): u32 {
    this.tellRules();
    const mutations = new Mutations(this.slots);
    for (let base: u32 = 0; base < <u32>BASE_NAMES.length; base++) {
      if (!this.bases.fill(base, this.base)) continue;
      this.mutation.mask = 0;
      this.mutation.secondMask = 0;
      this.attempt(base);
      mutations.start(base, base == 0 ? PAIRS : FURTHER_PAIRS);
      while (mutations.take(this.mutation)) this.attempt(base);
    }
    vmclear(this.vmcs);
    this.tellSums();
    return RESULT_OK;
  }

  /** One VM entry: with the base as it is where the mutation is empty. */
  private attempt(base: u32): void {
    this.prepare();
    this.judge.examine();
    this.serial++;
    const expected = this.judge.expected;
    const isExecuted = expected != 0 && this.isSafe(expected);
    this.tellAttempt(base, isExecuted);
    if (!isExecuted) {
      if (expected == 0) this.undecidable++;
      else this.leftOut++;
      return;
    }
    this.executed++;
    const outcome = this.enter();
    this.tellOutcome(base, outcome);
    const hasExited = outcome != CLASS_CONTROLS && outcome != CLASS_HOST && outcome != CLASS_OTHER;
    if (hasExited && this.concernsHost()) this.restoreHost();
  }

  /** Has the VMCS hold the mutation of the base, and the doctor know it. */
  private prepare(): void {
    const mutation = this.mutation;
    this.mutated.copy(this.base);
    this.mutated.values[mutation.slot] ^= mutation.mask;
    this.mutated.values[mutation.secondSlot] ^= mutation.secondMask;
    vmclear(this.vmcs);
    vmptrld(this.vmcs);
    this.mutated.write(this.around);
    this.mutated.read();
    this.examination.prepare(this.mutated);
  }

  /** The state that a VM exit leaves the host in may be another one than before. */
  private concernsHost(): bool {
    const mutation = this.mutation;
    return this.slots.isOfHost(mutation.slot) || (mutation.secondMask != 0 && this.slots.isOfHost(mutation.secondSlot));
  }

  private isSafe(expected: u32): bool {
    if (this.machine.options.isMutationWhole) return true;
    if (injectsUnknownEvent(this.mutated, allowedOnes(this.vmx.capabilities.primaryControls))) return false;
    return (expected & (CLASS_CONTROLS | CLASS_HOST)) != 0 || survives(this.mutated, this.base);
  }

  /** VMLAUNCH; the class of its outcome. */
  private enter(): u32 {
    const outcome = vmEnter(this.vcpu.registersEnd, 0);
    if (outcome == VM_FAIL_VALID) {
      const error = <u32>vmread(VM_INSTRUCTION_ERROR);
      if (error == ERROR_CONTROLS) return CLASS_CONTROLS;
      return error == ERROR_HOST ? CLASS_HOST : CLASS_OTHER;
    }
    if (outcome != VM_SUCCEED) return CLASS_OTHER;
    const reason = <u32>vmread(EXIT_REASON);
    const basic = reason & EXIT_REASON_BASIC_MASK;
    if (!(reason & EXIT_REASON_ENTRY_FAILURE)) return CLASS_SUCCESS;
    if (basic == EXIT_REASON_INVALID_GUEST_STATE) return CLASS_GUEST;
    return basic == EXIT_REASON_MSR_LOADING ? CLASS_MSR_LOADING : CLASS_OTHER;
  }

  /** A VM exit has loaded the host's state from the mutated VMCS: another one, from the base, loads what is right. */
  private restoreHost(): void {
    vmclear(this.vmcs);
    vmptrld(this.vmcs);
    this.base.write(this.around);
    // Else the host would go on with registers and tables of the mutation.
    assert(this.enter() == CLASS_SUCCESS, "a valid VMCS is entered, so that its exit restores the host");
    openInterruptWindow();
  }

  /** A line for each rule: the lines on violations name a rule by its number. */
  private tellRules(): void {
    const rules = this.judge.doctor.rules;
    for (let i = 0; i < rules.length; i++) {
      this.journal.begin("rule", i).space().text(rules[i].slug).end();
    }
  }

  private tellAttempt(base: u32, isExecuted: bool): void {
    const mutation = this.mutation;
    const journal = this.journal.begin(isExecuted ? "mutate" : "left", this.serial);
    journal.space().text(BASE_NAMES[base]).space();
    this.tellClasses(this.judge.expected);
    this.tellFlip(mutation.slot, mutation.mask);
    this.tellFlip(mutation.secondSlot, mutation.secondMask);
    journal.end();
    if (this.judge.expected == 0) {
      journal.begin("undecided", this.serial).space().decimal(this.judge.undecided).end();
      return;
    }
    if (this.judge.expected == CLASS_SUCCESS) return;
    journal.begin("violates", this.serial);
    for (let i = 0; i < this.judge.doctor.rules.length; i++) {
      if (this.judge.isViolated(i)) journal.word(5).decimal(i);
    }
    journal.end();
  }

  private tellClasses(classes: u32): void {
    for (let i: u32 = 0; i < CLASSES; i++) {
      if ((classes >> i) & 1) this.journal.byte(CLASS_LETTERS[i]);
    }
    if (classes == 0) this.journal.text("?");
  }

  private tellFlip(slot: i32, mask: u64): void {
    if (mask != 0) this.journal.space().hex(this.slots.names[slot]).text("^").hex(mask);
  }

  private tellOutcome(base: u32, outcome: u32): void {
    this.outcomes[ctz(outcome)]++;
    const journal = this.journal.begin("outcome", this.serial).space();
    this.tellClasses(outcome);
    if (outcome == CLASS_SUCCESS) journal.space().decimal(<u32>vmread(EXIT_REASON));
    journal.end();
    if (outcome & this.judge.expected) return;
    this.disagreements++;
    if (this.disagreements > SHOWN_DISAGREEMENTS) return;
    const line = this.machine.console.info().text("mutate: ").decimal(this.serial).text(": ").text(BASE_NAMES[base]);
    line.text(": expected ");
    for (let i: u32 = 0; i < CLASSES; i++) {
      if ((this.judge.expected >> i) & 1) line.text(CLASS_NAMES[i]).text(" ");
    }
    line.text("but found ").text(CLASS_NAMES[ctz(outcome)]).end();
  }

  private tellSums(): void {
    const console = this.machine.console;
    for (let i = 0; i < <i32>CLASSES; i++) {
      console.info().text("mutate: outcome ").text(CLASS_NAMES[i]).text(": ").decimal(this.outcomes[i]).end();
    }
    const line = console.info().text("mutate: ").decimal(this.executed).text(" VMLAUNCHes executed, ");
    line
      .decimal(this.leftOut)
      .text(" left to Node, ")
      .decimal(this.undecidable)
      .text(" undecidable, ")
      .decimal(this.disagreements)
      .text(" disagreements")
      .end();
  }
}

const ERROR_CONTROLS: u32 = 7;
const ERROR_HOST: u32 = 8;
