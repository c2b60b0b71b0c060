// The boot option guest=mutate on a processor with SVM: thousands of VMRUNs of VMCBs with one or two wrong words, each
// foretold by the doctor.

// It proves the doctor against whatever executes VMRUN. The journal has each prediction and each outcome
// (test/boot/mutate-svm.test.ts); the console has the sums.

import { Doctor } from "../../../doctor/doctor";
import { CAP_CPUID_8000000A_EDX } from "../../../doctor/inputs";
import { svmRuleBook } from "../../../doctor/svm/rule-book";
import { SVM_EXIT_INVALID } from "../../../x86/svm-exit-codes";
import { VMCB_EXITCODE } from "../../../x86/vmcb";
import { readCpuidInputs } from "../../cpu/cpuid-inputs";
import { svmEnter } from "../../hardware";
import { Machine } from "../../machine";
import { PAGE_BYTES } from "../../memory/page-pool";
import { Journal } from "../../mutate/journal";
import { RESULT_OK, RESULT_TOO_LITTLE_MEMORY } from "../../results";
import { EntryReader } from "../entry/subject";
import { Vmcb } from "../vmcb";
import { BASE_64_BIT, BASE_NAMES } from "./base-names";
import { fillBase, Surroundings } from "./bases";
import {
  Judge,
  OUTCOME_INVALID,
  OUTCOME_LETTERS,
  OUTCOME_NAMES,
  OUTCOME_SUCCESS,
  OUTCOME_UNKNOWN,
  OUTCOMES,
} from "./judge";
import { Mutation, Mutations } from "./mutations";
import { Slots } from "./slots";
import { survives } from "./survival";
import { VmcbImage } from "./vmcb-image";

/** Of bits in the first base, and in each other one. */
const PAIRS: u32 = 2000;
const FURTHER_PAIRS: u32 = 200;
const SHOWN_DISAGREEMENTS: u32 = 20;
/** The vCPU page and the one behind it; VMCB, table of zeroes, page-directory pointers; permission maps. */
const MAP_PAGES: u32 = 3;

/** Runs all bases with SVM on; `hostState` is the page that svmEnter brings the host's state back from. */
export function runMutations(machine: Machine, hostState: u64): u32 {
  const pool = machine.pool;
  const registers = pool.allocateAdjacent(2);
  const maps = pool.allocateAdjacent(MAP_PAGES);
  const vmcb = pool.allocate();
  const zeroes = pool.allocate();
  const pointers = pool.allocate();
  if (registers == 0 || maps == 0 || vmcb == 0 || zeroes == 0 || pointers == 0) return RESULT_TOO_LITTLE_MEMORY;
  const around = new Surroundings(
    pool.physicalAddress(zeroes),
    pool.physicalAddress(pointers),
    pool.physicalAddress(maps),
  );
  const view = Vmcb.of(vmcb);
  const physical = pool.physicalAddress(vmcb);
  return new MutationRun(machine, hostState, registers, view, physical, Vmcb.of(pointers), around).run();
}

class MutationRun {
  private readonly journal: Journal = new Journal();
  private readonly judge: Judge;
  private readonly reader: EntryReader;
  /** The base, and its mutation. */
  private readonly base: VmcbImage;
  private readonly mutated: VmcbImage;
  private readonly slots: Slots;
  private readonly mutation: Mutation = new Mutation();
  private serial: u64 = 0;
  private executed: u64 = 0;
  private leftOut: u64 = 0;
  private undecidable: u64 = 0;
  private disagreements: u32 = 0;
  private readonly outcomes: StaticArray<u32> = new StaticArray<u32>(OUTCOMES);

  constructor(
    private readonly machine: Machine,
    private readonly hostState: u64,
    private readonly registers: usize,
    private readonly vmcb: Vmcb,
    private readonly physical: u64,
    private readonly pointers: Vmcb,
    private readonly around: Surroundings,
  ) {
    const judge = new Judge(new Doctor(svmRuleBook()));
    const subject = judge.doctor.subject;
    const reader = new EntryReader(subject, machine.pool);
    readCpuidInputs(subject);
    reader.readState(physical);
    const slots = new Slots();
    this.judge = judge;
    this.reader = reader;
    this.slots = slots;
    this.base = new VmcbImage(slots);
    this.mutated = new VmcbImage(slots);
  }

  run(): u32 {
    this.tellRules();
    const mutations = new Mutations(this.slots, this.base, this.machine.maximumPhysicalAddress);
    for (let base: u32 = 0; base < <u32>BASE_NAMES.length; base++) {
      fillBase(base, this.base, this.around);
      this.mutation.clear();
      this.attempt(base);
      mutations.start(base, base == BASE_64_BIT ? PAIRS : FURTHER_PAIRS);
      while (mutations.take(this.mutation)) this.attempt(base);
    }
    this.tellSums();
    return RESULT_OK;
  }

  /** One VMRUN: of the base as it is where the mutation is empty. */
  private attempt(base: u32): void {
    this.prepare();
    this.judge.examine();
    this.serial++;
    const isExecuted = this.judge.expected != OUTCOME_UNKNOWN && this.isSafe();
    this.tellAttempt(base, isExecuted);
    if (!isExecuted) {
      if (this.judge.expected == OUTCOME_UNKNOWN) this.undecidable++;
      else this.leftOut++;
      return;
    }
    this.executed++;
    svmEnter(this.registers + PAGE_BYTES, this.physical, this.hostState);
    this.tellOutcome(base);
  }

  /** Has the VMCB hold the mutation of the base, and the doctor know it. */
  private prepare(): void {
    const mutation = this.mutation;
    this.mutated.copy(this.base);
    this.mutated.values[mutation.slot] ^= mutation.mask;
    this.mutated.values[mutation.secondSlot] ^= mutation.secondMask;
    this.mutated.write(this.vmcb, this.pointers);
    this.reader.readVmcb(this.vmcb);
  }

  private isSafe(): bool {
    if (this.machine.options.isMutationWhole) return true;
    const features = <u32>this.judge.doctor.subject.get(CAP_CPUID_8000000A_EDX);
    return survives(this.mutated, this.base, this.machine.maximumPhysicalAddress, features);
  }

  /** A line for each rule: the lines on violations name a rule by its number. */
  private tellRules(): void {
    const rules = this.judge.doctor.rules;
    for (let i = 0; i < rules.length; i++) this.journal.begin("rule", i).space().text(rules[i].slug).end();
  }

  private tellAttempt(base: u32, isExecuted: bool): void {
    const mutation = this.mutation;
    const journal = this.journal.begin(isExecuted ? "mutate" : "left", this.serial);
    journal.space().text(BASE_NAMES[base]).space().byte(OUTCOME_LETTERS[this.judge.expected]);
    this.tellFlip(mutation.slot, mutation.mask);
    this.tellFlip(mutation.secondSlot, mutation.secondMask);
    journal.end();
    if (this.judge.expected == OUTCOME_UNKNOWN) {
      journal.begin("undecided", this.serial).space().decimal(this.judge.undecided).end();
      return;
    }
    if (this.judge.expected == OUTCOME_SUCCESS) return;
    journal.begin("violates", this.serial);
    for (let i = 0; i < this.judge.doctor.rules.length; i++) {
      if (this.judge.isViolated(i)) journal.word(5).decimal(i);
    }
    journal.end();
  }

  private tellFlip(slot: i32, mask: u64): void {
    if (mask != 0) this.journal.space().hex(this.slots.names[slot]).text("^").hex(mask);
  }

  private tellOutcome(base: u32): void {
    // Emulators leave the high half 0.
    const code = this.vmcb.read32(VMCB_EXITCODE);
    const outcome = code == SVM_EXIT_INVALID ? OUTCOME_INVALID : OUTCOME_SUCCESS;
    this.outcomes[outcome]++;
    const journal = this.journal.begin("outcome", this.serial).space().byte(OUTCOME_LETTERS[outcome]);
    if (outcome == OUTCOME_SUCCESS) journal.space().decimal(code);
    journal.end();
    if (outcome == this.judge.expected) return;
    this.disagreements++;
    if (this.disagreements > SHOWN_DISAGREEMENTS) return;
    const line = this.machine.console.info().text("mutate: ").decimal(this.serial).text(": ").text(BASE_NAMES[base]);
    line.text(": expected ").text(OUTCOME_NAMES[this.judge.expected]);
    line.text(" but found ").text(OUTCOME_NAMES[outcome]).end();
  }

  private tellSums(): void {
    const console = this.machine.console;
    for (let i = OUTCOME_INVALID; i < OUTCOMES; i++) {
      console.info().text("mutate: outcome ").text(OUTCOME_NAMES[i]).text(": ").decimal(this.outcomes[i]).end();
    }
    const line = console.info().text("mutate: ").decimal(this.executed).text(" VMRUNs executed, ");
    line
      .decimal(this.leftOut)
      .text(" left out, ")
      .decimal(this.undecidable)
      .text(" undecidable, ")
      .decimal(this.disagreements)
      .text(" disagreements")
      .end();
  }
}
