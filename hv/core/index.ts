// The exports of core.wasm: `boot`, which the runtime calls once.

import {
  CPUID_1_EDX_MTRR,
  CPUID_LEAF_FEATURES,
  CPUID_LEAF_VENDOR,
  VENDOR_AMD_EBX,
  VENDOR_AMD_ECX,
  VENDOR_AMD_EDX,
} from "../x86/cpuid";
import { BOOT_INFORMATION_OK, BOOT_INFORMATION_TEXTS, BootInformation } from "./boot/boot-information";
import { BootModule } from "./boot/boot-modules";
import { BootOptions } from "./boot/options";
import { describeVms } from "./boot/vms";
import { Console } from "./console/console";
import { startSerial } from "./console/serial";
import { Cpuid } from "./cpu/cpuid";
import { failOnPurpose } from "./monitor/fail";
import { AcpiTables } from "./firmware/acpi-tables";
import { Ending } from "./firmware/ending";
import { silenceMachine } from "./firmware/take-over";
import { GuestMemory } from "./guest-memory";
import { waitForInterrupt, announceResult, imageEnd, imageStart, nmiCount, physicalBase } from "./hardware";
import { GuestExit } from "./guest-exit";
import { Machine } from "./machine";
import { Mtrrs } from "./memory/memory-type";
import { PAGE_BYTES, PagePool } from "./memory/page-pool";
import { PhysicalMemory } from "./memory/physical-memory";
import { printConsoles } from "./monitor/consoles";
import { RESULT_BAD_BOOT_INFORMATION, RESULT_BAD_OPTION, RESULT_GUEST_EXIT, RESULT_OK, resultName } from "./results";
import { Scheduler } from "./monitor/schedule";
import { NOTHING_ASKED, Virtualization } from "./vcpu/virtualization";
import { checkSvm, hasSvm } from "./svm/operation";
import { Svm } from "./svm/svm";
import { joinTeam, Team } from "./processors/team";
import { ClockRates } from "./interrupts/clock-rates";
import { HostTimer } from "./interrupts/host-timer";
import { APIC_ABSENT, LocalApic } from "./interrupts/local-apic";
import { findProcessors } from "./processors/find-processors";
import { checkVmx, Vmx } from "./vmx/vmx";

// What has one caller is inlined there: these are exported to stay out of the exit path's code, and `run` out of its caller's.
export { actOnAnswer, hypercallToVmm } from "./vcpu/answers";
export { finishPort, onInOrString } from "./exits/port";
export { describeMove, endMove, finishMove, onAnyViolation, onUnpopulated } from "./vmx/ept-exits";
export { reportStoppedVmm } from "./vmm";
export { completeInstruction, completeSpecial } from "./vmx/complete";
export { rowOf } from "./vmx/dispatch";
export { run } from "./vmx/run";
export { completeSpecial as completeSvmSpecial } from "./svm/complete";
export { rowOfCode } from "./svm/dispatch";
export { advanceUnknown } from "./svm/next-rip";
export { finishMove as finishSvmMove, onAnyFault } from "./svm/npf-exits";
export { runSvm } from "./svm/run";
export { answerIndirectly } from "./cpu/cpuid";
export { rdmsrByKind } from "./cpu/msr-access";

export { mapFirstBlock } from "./memory/page-tables";

/** Pages of core's memory for what is the processor's own, or a guest's that is no VM: VMs have pages of their own. */
const POOL_PAGES: u32 = 64;

/** Boots Basalt: reads what the loader left at `information`, runs the guests, and ends the run. Does not return. */
export function boot(kind: u32, information: u32): void {
  startSerial();
  const console = new Console();
  const ending = new Ending();
  const exit = new GuestExit();
  const result = main(console, ending, exit, kind, information);
  announceResult(result, result == RESULT_GUEST_EXIT ? exit.describe(resultName(result)) : resultName(result));
  ending.end(console);
}

/** Another CPU, which core has started, begins here with core as it was then. Does not return. */
export function join(): void {
  joinTeam();
  while (true) waitForInterrupt();
}

/**
 * A vmm has touched `address` of its guest's RAM where nothing is mapped in its memory; `memory` is what core gave to
 * vmmInstantiate. 1: the page is there now. 0: it cannot be had, and the vmm is to be stopped. Called while that vmm runs.
 */
export function populate(memory: usize, address: u64): u32 {
  return changetype<GuestMemory>(memory).populateForVmm(address) ? 1 : 0;
}

function main(console: Console, ending: Ending, exit: GuestExit, kind: u32, address: u32): u32 {
  const memory = new PhysicalMemory();
  const information = new BootInformation(kind, address, memory);
  information.screen.open();
  if (information.status != BOOT_INFORMATION_OK) {
    console.error().text(BOOT_INFORMATION_TEXTS[information.status]).end();
    return RESULT_BAD_BOOT_INFORMATION;
  }
  memory.remove(imageStart(), imageEnd() - imageStart());
  const end = (<u64>1) << new Cpuid().maximumPhysicalAddress();
  memory.remove(end, u64.MAX_VALUE - end);
  if (memory.isTruncated) console.warning().text("the memory map has too many pieces; some RAM stays unused").end();

  const options = new BootOptions();
  const areOptionsGood =
    options.parse(information.commandLine, console) && describeVms(options, information.modules, console);
  console.level = options.logLevel;
  console
    .info()
    .text("Basalt, a type-1 hypervisor; ")
    .decimal(memory.freeBytes >> 20)
    .text(" MiB of RAM free")
    .end();
  console.debug().text("boot command line: ").text(information.commandLine).end();
  const tables = new AcpiTables(information.rsdp);
  const apic = areOptionsGood ? silenceMachine(console, tables, memory) : null;
  // Behind that, as a keyboard that firmware only emulates may have lost its DMA.
  printConsoles(console, information.screen);
  ending.find(console, options.end, tables);
  if (!apic) return RESULT_BAD_OPTION;
  failOnPurpose(options.fail);
  return start(console, options, memory, information.modules, exit, tables, apic);
}

/** From a machine of unknown abilities to VMs, and back. */
function start(
  console: Console,
  options: BootOptions,
  memory: PhysicalMemory,
  modules: Array<BootModule>,
  exit: GuestExit,
  tables: AcpiTables,
  apic: LocalApic,
): u32 {
  const cpuid = new Cpuid();
  const usesSvm = isAmds(cpuid);
  let result = usesSvm ? checkSvm(console, cpuid) : checkVmx(console, cpuid);
  if (result != RESULT_OK) return result;

  const bits = cpuid.maximumPhysicalAddress();
  const first = (heap.alloc((POOL_PAGES + 1) * PAGE_BYTES) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  const pool = new PagePool(first, POOL_PAGES, physicalBase());
  const virtualization = newVirtualization(usesSvm, console, pool);
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  const mtrrs = new Mtrrs(bits, (cpuid.edx & CPUID_1_EDX_MTRR) != 0);
  const timer = new HostTimer(new ClockRates(apic, console));
  const machine = new Machine(console, options, memory, modules, exit, pool, bits, mtrrs, virtualization, timer);
  const list = findProcessors(tables, apic.mode, apic.mode == APIC_ABSENT ? 0 : apic.id, console);
  const team = new Team(machine, apic, list);
  result = team.takeMemory();
  if (result != RESULT_OK) return result;
  if (!machine.blocks.fill()) console.warning().text("Basalt uses 1 TiB of RAM; the rest of it stays unused").end();
  const scheduler = new Scheduler(machine, team);
  result = team.start(scheduler);
  if (result != RESULT_OK) return result;
  result = virtualization.enable();
  if (result != RESULT_OK) {
    team.end();
    return result;
  }
  result = virtualization.doOwn(machine);
  if (result == NOTHING_ASKED) result = runVms(console, team, scheduler);
  else team.end();

  const nmis = nmiCount();
  if (nmis != 0) console.warning().decimal(nmis).text(" NMIs came, of a cause unknown to Basalt").end();
  const end = virtualization.disable();
  return result == RESULT_OK ? end : result;
}

/** Has all CPUs run their VMs. A result. */
function runVms(console: Console, team: Team, scheduler: Scheduler): u32 {
  const homeless = scheduler.findHomes();
  if (!homeless) return team.run(scheduler);
  const line = console.error().text(homeless.name).text(": its home is CPU ").decimal(homeless.cpu);
  const count = team.count;
  line
    .text(", which does not work; expected any, or one that does: ")
    .decimal(count)
    .text(count == 1 ? " does" : " do")
    .end();
  team.end();
  return RESULT_BAD_OPTION;
}

/** The processor virtualizes by SVM if it has that, or if it is one of AMD's that lacks it. */
function isAmds(cpuid: Cpuid): bool {
  if (hasSvm(cpuid)) return true;
  cpuid.read(CPUID_LEAF_VENDOR, 0);
  return cpuid.ebx == VENDOR_AMD_EBX && cpuid.edx == VENDOR_AMD_EDX && cpuid.ecx == VENDOR_AMD_ECX;
}

function newVirtualization(usesSvm: bool, console: Console, pool: PagePool): Virtualization {
  if (usesSvm) return new Svm(console, pool);
  return new Vmx(console, pool);
}
