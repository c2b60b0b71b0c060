// The vendor capabilities by which a driver finds the structures, and the one that is a way to them (virtio 1.2, 4.1.4).

import { Bar } from "../pci/bar";
import { PciFunction } from "../pci/function";
import { CAPABILITY_VENDOR } from "../pci/registers";

// The types of structures.
export const COMMON_CFG: u32 = 1;
export const NOTIFY_CFG: u32 = 2;
export const ISR_CFG: u32 = 3;
export const DEVICE_CFG: u32 = 4;
const PCI_CFG: u32 = 5;

const CAPABILITY_BYTES: u32 = 16;
/** With notify_off_multiplier, or pci_cfg_data, behind it. */
const LONG_CAPABILITY_BYTES: u32 = 20;

// Offsets in a capability.
const CAP_LEN: u32 = 2;
const CFG_TYPE: u32 = 3;
const BAR: u32 = 4;
const OFFSET: u32 = 8;
const LENGTH: u32 = 12;
const DATA: u32 = 16;

/** Adds the capability of the structure `type`: `bytes` at `offset` of `bar`. While the machine is put together only. */
export function addStructure(owner: PciFunction, type: u32, bar: Bar, offset: u32, bytes: u32): void {
  // The multiplier of notify_off is 0: one address for all queues.
  const capability = addVendor(owner, type, type == NOTIFY_CFG ? LONG_CAPABILITY_BYTES : CAPABILITY_BYTES);
  owner.space.define(capability + BAR, 1, bar.index, 0);
  owner.space.define(capability + OFFSET, 4, offset, 0);
  owner.space.define(capability + LENGTH, 4, bytes, 0);
}

function addVendor(owner: PciFunction, type: u32, bytes: u32): u32 {
  const capability = owner.addCapability(CAPABILITY_VENDOR, bytes);
  owner.space.define(capability + CAP_LEN, 1, bytes, 0);
  owner.space.define(capability + CFG_TYPE, 1, type, 0);
  return capability;
}

/** VIRTIO_PCI_CAP_PCI_CFG: 1, 2 or 4 bytes of a BAR by the configuration space alone (4.1.4.9). */
export class ConfigurationWindow {
  private readonly register: u32;

  /** Adds the capability. While the machine is put together only. */
  constructor(private readonly owner: PciFunction) {
    const capability = addVendor(owner, PCI_CFG, LONG_CAPABILITY_BYTES);
    owner.space.define(capability + BAR, 1, 0, 0xff);
    owner.space.define(capability + OFFSET, 4, 0, 0xffff_ffff);
    owner.space.define(capability + LENGTH, 4, 0, 0xffff_ffff);
    owner.dataRegister = (capability + DATA) >> 2;
    this.register = capability >> 2;
  }

  /** What is there; 0 where the capability's fields lead nowhere. */
  read(): u32 {
    const bar = this.target();
    return bar ? <u32>(bar.device.read(this.offset, this.bytes) & this.mask) : 0;
  }

  write(value: u32): void {
    const bar = this.target();
    if (bar) bar.device.write(this.offset, this.bytes, value & this.mask);
  }

  private get offset(): u32 {
    return this.owner.space.get(this.register + (OFFSET >> 2));
  }

  private get bytes(): u32 {
    return this.owner.space.get(this.register + (LENGTH >> 2));
  }

  private get mask(): u32 {
    return u32.MAX_VALUE >> (32 - 8 * this.bytes);
  }

  private target(): Bar | null {
    const bytes = this.bytes;
    const offset = this.offset;
    if ((bytes != 1 && bytes != 2 && bytes != 4) || (offset & (bytes - 1)) != 0) return null;
    const index = this.owner.space.get(this.register + (BAR >> 2)) & 0xff;
    const bars = this.owner.bars;
    for (let i = 0; i < bars.length; i++) {
      if (bars[i].index == index) return offset < bars[i].bytes ? bars[i] : null;
    }
    return null;
  }
}
