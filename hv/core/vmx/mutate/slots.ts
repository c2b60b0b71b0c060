// What a mutation can change: the VMCS fields that the processor has, and words of memory that the VMCS refers to.

import { SLOTS, slotOf, STATE_LINK_REVISION, STATE_MEMORY_PDPTE0, STATE_VTPR } from "../../../doctor/inputs";
import {
  FIELD_TYPE_MASK,
  FIELD_TYPE_SHIFT,
  FIELD_WIDTH_MASK,
  FIELD_WIDTH_SHIFT,
  HOST_STATE,
  PRIMARY_VM_EXIT_CONTROLS,
  READ_ONLY_DATA,
  WIDTH_16,
  WIDTH_32,
} from "../../../x86/vmcs-fields";
import { VMCS_FIELD_COUNT, VMCS_FIELD_ENCODINGS } from "../../../x86/vmcs-field-names";
import { tryVmread, tryVmwrite, VM_SUCCEED, vmread, vmwrite } from "../../hardware";
import { AREA_ENTRIES, Surroundings } from "./surroundings";

/** Entry n of the VM-entry MSR-load area: its index at 2n from here, its value behind it. */
export const ENTRY_MSR_WORDS: u32 = 0x30000;
const PDPTES: u32 = 4;
const CELLS: i32 = 2 + PDPTES + 2 * AREA_ENTRIES;
/** Names from here on are no encodings of fields. */
export const FIRST_CELL: u32 = 0x10000;
const MAXIMUM_SLOTS: i32 = VMCS_FIELD_COUNT + CELLS;
const NO_SLOT: u16 = 0xffff;

/** The slots of this processor: first its fields, then cells of memory. A slot's name is an encoding, or a number above. */
export class Slots {
  readonly names: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_SLOTS);
  /** In bits. */
  readonly widths: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_SLOTS);
  count: i32 = 0;
  fields: i32 = 0;
  private readonly byInput: StaticArray<u16> = new StaticArray<u16>(SLOTS);

  /** Finds the fields by writing them; a VMCS must be current. */
  constructor() {
    this.byInput.fill(NO_SLOT);
    const value = new StaticArray<u64>(1);
    for (let i = 0; i < VMCS_FIELD_COUNT; i++) {
      const field = VMCS_FIELD_ENCODINGS[i];
      if (((field >> FIELD_TYPE_SHIFT) & FIELD_TYPE_MASK) << FIELD_TYPE_SHIFT == READ_ONLY_DATA) continue;
      if (tryVmread(field, changetype<usize>(value)) != VM_SUCCEED) continue;
      if (tryVmwrite(field, value[0]) != VM_SUCCEED) continue;
      this.byInput[slotOf(field)] = <u16>this.count;
      this.add(field, widthOf(field));
    }
    this.fields = this.count;
    this.add(STATE_LINK_REVISION, 32);
    this.add(STATE_VTPR, 8);
    for (let n: u32 = 0; n < PDPTES; n++) this.add(STATE_MEMORY_PDPTE0 + n, 64);
    for (let n: u32 = 0; n < 2 * AREA_ENTRIES; n++) this.add(ENTRY_MSR_WORDS + n, 64);
  }

  private add(name: u32, width: u32): void {
    this.names[this.count] = name;
    this.widths[this.count] = width;
    this.count++;
  }

  /** A field of the host-state area, or the controls that say what of it a VM exit loads. */
  isOfHost(slot: i32): bool {
    const name = this.names[slot];
    if (slot >= this.fields) return false;
    return (
      ((name >> FIELD_TYPE_SHIFT) & FIELD_TYPE_MASK) << FIELD_TYPE_SHIFT == HOST_STATE ||
      name == PRIMARY_VM_EXIT_CONTROLS
    );
  }

  /** The slot of a field or a cell; -1 where this processor lacks the field. */
  of(name: u32): i32 {
    if (name < FIRST_CELL) {
      const slot = this.byInput[slotOf(name)];
      return slot == NO_SLOT ? -1 : <i32>slot;
    }
    for (let slot = this.fields; slot < this.count; slot++) {
      if (this.names[slot] == name) return slot;
    }
    return -1;
  }

  /** Has the current VMCS, and the memory, hold the value. */
  write(slot: i32, value: u64, around: Surroundings): void {
    const name = this.names[slot];
    if (slot < this.fields) vmwrite(name, value);
    else if (name == STATE_LINK_REVISION) around.setLinkRevision(<u32>value);
    else if (name == STATE_VTPR) around.setVtpr(<u32>value);
    else if (name < ENTRY_MSR_WORDS) around.setPdpte(name - STATE_MEMORY_PDPTE0, value);
    else if ((name & 1) == 0) around.setMsrIndex(around.entryLoad, (name - ENTRY_MSR_WORDS) >> 1, value);
    else around.setMsrValue(around.entryLoad, (name - ENTRY_MSR_WORDS) >> 1, value);
  }

  /** What a field of the current VMCS holds. */
  read(slot: i32): u64 {
    return vmread(this.names[slot]);
  }
}

function widthOf(field: u32): u32 {
  const width = ((field >> FIELD_WIDTH_SHIFT) & FIELD_WIDTH_MASK) << FIELD_WIDTH_SHIFT;
  if (width == WIDTH_16) return 16;
  return width == WIDTH_32 ? 32 : 64;
}
