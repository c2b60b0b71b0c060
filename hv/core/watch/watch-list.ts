// The watches of one VM: arming their pages, and what becomes of an access that one of them forbids.

import { VECTOR_GENERAL_PROTECTION } from "../../x86/exceptions";
import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { LEVEL_ERROR, LEVEL_INFO, LEVEL_WARNING } from "../console/console";
import { GuestMemory, WAS_POPULATED } from "../guest-memory";
import { ALL_PERMISSIONS } from "../memory/entry-format";
import { hasSerial } from "../hardware";
import { MAPPING_OK, mappingStatusText } from "../memory/mapping-status";
import {
  RESULT_BAD_OPTION,
  RESULT_EPT_UNUSABLE,
  RESULT_NO_ANSWER,
  RESULT_OK,
  RESULT_STOPPED_BY_WATCH,
} from "../results";
import { RESUME } from "../vcpu/action";
import { MemoryFault } from "../vcpu/memory-fault";
import { STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { HOST_IS_SILENT, HOST_MOVED, HOST_RELEASES, HOST_STOPS, HostDialogue } from "./host-dialogue";
import { RecordPrinter } from "./record";
import { ACTION_DUMP, ACTION_EMULATE, ACTION_FAULT, ACTION_LOG, ACTION_STEP, Watch } from "./watch";

const PAGE_MASK: u64 = ~(PAGE_SIZE_4_KIB - 1);
/** Pages that one instruction may be stepped over: its own two, its operands', and the paging structures of each. */
const MAXIMUM_OPEN: i32 = 64;
/** Lines a watch: a guest must not fill the console. */
const MAXIMUM_LINES: u64 = 100;

export class WatchList {
  readonly watches: Array<Watch> = [];
  /** Pages that are open for the instruction that is stepped over. */
  private readonly open: StaticArray<u64> = new StaticArray<u64>(MAXIMUM_OPEN);
  private openCount: i32 = 0;
  /** Where that instruction is. */
  private stepRip: u64 = 0;
  /** Made where a watch needs them. */
  private printer: RecordPrinter | null = null;
  private dialogue: HostDialogue | null = null;

  constructor(private readonly memory: GuestMemory) {}

  /**
   * Arms the watches of `all`, for which the host line is asked and has `answerTicks` of the TSC for each command. RESULT_OK
   * or why not, which has been said.
   */
  arm(vcpu: Vcpu, all: Array<Watch>, answerTicks: u64): u32 {
    for (let i = 0; i < all.length; i++) {
      const watch = all[i].copy();
      if (watch.end > this.memory.ramBytes) {
        watch.describe(vcpu.say(LEVEL_ERROR)).text(": the range ends beyond this VM's RAM, which ends at ");
        vcpu.console.hex(this.memory.ramBytes).end();
        return RESULT_BAD_OPTION;
      }
      if (!this.makeReady(vcpu, watch, answerTicks)) return RESULT_BAD_OPTION;
      this.watches.push(watch);
      for (let page = watch.start; page < watch.end; page += PAGE_SIZE_4_KIB) {
        const status = this.memory.populate(page) > WAS_POPULATED ? RESULT_EPT_UNUSABLE : this.close(watch, page);
        if (status == MAPPING_OK) continue;
        watch.describe(vcpu.say(LEVEL_ERROR)).text(": ").text(mappingStatusText(status)).end();
        return RESULT_EPT_UNUSABLE;
      }
    }
    return RESULT_OK;
  }

  /** Makes what the action of `watch` needs: nothing is allocated on the exit path. */
  private makeReady(vcpu: Vcpu, watch: Watch, answerTicks: u64): bool {
    if (watch.action != ACTION_DUMP && watch.action != ACTION_EMULATE) return true;
    let printer = this.printer;
    if (!printer) printer = new RecordPrinter();
    this.printer = printer;
    if (watch.action == ACTION_DUMP) return true;
    if (!hasSerial()) {
      watch.describe(vcpu.say(LEVEL_ERROR)).text(": this machine has no COM1 to ask; take another action").end();
      return false;
    }
    if (!this.dialogue) this.dialogue = new HostDialogue(printer, answerTicks);
    return true;
  }

  /** The watch that forbids an access, null where none does. */
  find(fault: MemoryFault): Watch | null {
    for (let i = 0; i < this.watches.length; i++) {
      const watch = this.watches[i];
      if (watch.holds(fault.gpa) && watch.forbids(fault.access)) return watch;
    }
    return null;
  }

  /** Does what `watch` asks for an access that it forbids; to be returned by a handler. */
  act(vcpu: Vcpu, watch: Watch, fault: MemoryFault): u32 {
    watch.accesses++;
    const isTold = watch.action == ACTION_LOG || watch.action == ACTION_STEP;
    if (isTold && watch.accesses <= MAXIMUM_LINES) tell(vcpu, watch, fault);
    if (watch.action == ACTION_FAULT) return vcpu.raise(VECTOR_GENERAL_PROTECTION, 0);
    if (watch.action == ACTION_DUMP) {
      tell(vcpu, watch, fault);
      this.printer!.print(vcpu, fault);
      return vcpu.stop(RESULT_STOPPED_BY_WATCH);
    }
    let isReleased = watch.action == ACTION_LOG;
    if (watch.action == ACTION_EMULATE) {
      const how = this.dialogue!.hold(vcpu, fault);
      if (how == HOST_STOPS) return vcpu.stop(RESULT_STOPPED_BY_WATCH);
      if (how == HOST_IS_SILENT) return vcpu.stop(RESULT_NO_ANSWER);
      if (how == HOST_MOVED) return RESUME;
      isReleased = how == HOST_RELEASES;
    }
    const page = fault.gpa & PAGE_MASK;
    const status = this.letThrough(watch, page);
    if (status != MAPPING_OK || this.openCount == MAXIMUM_OPEN) {
      watch.describe(vcpu.say(LEVEL_ERROR)).text(": the page cannot be opened: ").text(mappingStatusText(status)).end();
      return vcpu.stop(RESULT_EPT_UNUSABLE);
    }
    if (isReleased) return RESUME;
    this.open[this.openCount++] = page;
    this.stepRip = vcpu.read(STATE_RIP);
    vcpu.startStep();
    return RESUME;
  }

  /** The step is done: arms the pages again that were open for it. */
  rearm(): void {
    while (this.openCount > 0) {
      const page = this.open[--this.openCount];
      for (let i = 0; i < this.watches.length; i++) {
        if (this.watches[i].holds(page)) this.close(this.watches[i], page);
      }
    }
  }

  /** Tells at the VM's end what each watch met, and whether a step never ended: then accesses were missed since. */
  print(vcpu: Vcpu): void {
    if (vcpu.isStepping && vcpu.result == RESULT_OK && vcpu.read(STATE_RIP) != this.stepRip) {
      const line = vcpu.say(LEVEL_WARNING).text("the last step over a watched access had no end, so that later ones ");
      line.text("were missed: an instruction that loads RFLAGS may hide it").end();
    }
    for (let i = 0; i < this.watches.length; i++) {
      const line = this.watches[i].describe(vcpu.say(LEVEL_INFO));
      line.text(": ").decimal(this.watches[i].accesses).text(" accesses").end();
    }
  }

  private close(watch: Watch, page: u64): u32 {
    const paging = this.memory.nestedPaging!;
    const permissions = watch.permissions;
    return permissions == 0 ? paging.unmap(page, PAGE_SIZE_4_KIB) : paging.protect(page, PAGE_SIZE_4_KIB, permissions);
  }

  private letThrough(watch: Watch, page: u64): u32 {
    const paging = this.memory.nestedPaging!;
    return watch.permissions == 0
      ? paging.map(page, this.memory.hostAddress(page), PAGE_SIZE_4_KIB, ALL_PERMISSIONS)
      : paging.protect(page, PAGE_SIZE_4_KIB, ALL_PERMISSIONS);
  }
}

function tell(vcpu: Vcpu, watch: Watch, fault: MemoryFault): void {
  const line = watch.describe(vcpu.say(LEVEL_INFO)).text(": ");
  fault.describe(line);
  line.text(", at RIP ").hex(vcpu.read(STATE_RIP), 16).end();
}
