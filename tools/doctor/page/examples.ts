// Dumps to begin with: shortened from two public questions about VM entries that failed.
import { FIELDS } from "../fields.ts";

export interface Example {
  readonly title: string;
  /** A shipped set of capabilities, or "". */
  readonly cpu: string;
  readonly dump: string;
  /** The author's own encodings, or "". */
  readonly encodings: string;
}

/** A dump of Linux KVM: EPTP[51:12] holds an address that was shifted once too often, on a CPU of 36 bits without A/D. */
const EPT_POINTER = `*** Guest State ***
CR0: actual=0x0000000080050033, shadow=0x0000000080050033, gh_mask=ffffffffffffffff
CR4: actual=0x00000000000626e0, shadow=0x00000000000626e0, gh_mask=ffffffffffffffff
CR3 = 0x00000000307ce004
RSP = 0xffff9c9cb31f8fff  RIP = 0xffff9c9cb5005000
RFLAGS=0x00000002         DR7 = 0x0000000000000000
CS:   sel=0x0000, attr=0x0a09b, limit=0xffffffff, base=0x0000000000000000
DS:   sel=0x0000, attr=0x0a093, limit=0xffffffff, base=0x0000000000000000
SS:   sel=0x0000, attr=0x0a093, limit=0xffffffff, base=0x0000000000000000
ES:   sel=0x0000, attr=0x0a093, limit=0xffffffff, base=0x0000000000000000
FS:   sel=0x0000, attr=0x0a093, limit=0xffffffff, base=0x00007f8e51f0c4c0
GS:   sel=0x0000, attr=0x0a093, limit=0xffffffff, base=0xffff9c9cbeb00000
GDTR:                           limit=0x00000000, base=0x0000000000000000
LDTR: sel=0x0000, attr=0x00082, limit=0x00000000, base=0x0000000000000000
IDTR:                           limit=0x00000000, base=0x0000000000000000
TR:   sel=0x0000, attr=0x0008b, limit=0x000000ff, base=0x0000000000000000
EFER =     0x0000000000000d01  PAT = 0x0000000000000000
DebugCtl = 0x0000000000000000  DebugExceptions = 0x0000000000000000
Interruptibility = 00000000  ActivityState = 00000000
*** Host State ***
RIP = 0xffffffffc0789b90  RSP = 0xffff9c9cb5019fff
CS=0010 SS=0018 DS=0018 ES=0018 FS=0000 GS=0000 TR=0040
FSBase=00007f8e51f0c4c0 GSBase=ffff9c9cbeb00000 TRBase=0000000000000000
GDTBase=fffffe000002c000 IDTBase=fffffe0000000000
CR0=0000000080050033 CR3=00000000307ce004 CR4=00000000000626e0
Sysenter RSP=fffffe000002d200 CS:RIP=0010:ffffffff848015f0
EFER = 0x0000000000000d01  PAT = 0x0000000000000000
*** Control State ***
PinBased=00000016 CPUBased=8401e1f2 SecondaryExec=0000000a
EntryControls=000093ff ExitControls=00236fff
ExceptionBitmap=00000000 PFECmask=00000000 PFECmatch=00000000
VMEntry: intr_info=00000000 errcode=00000000 ilen=00000000
TPR Threshold = 0x00
EPT pointer = 0x000003500200005e
Virtual processor ID = 0x0000
`;

/** A listing of values that break no rule; what the VMCS holds depends on the encodings that they went through. */
const GS_LISTING = `pinbased controls:             0x00000016
primary cpu based controls:    0x04007172
vm exit controls:              0x00036ffb
vm entry controls:             0x000013fb
cr0:       0x80050033
cr3:       0x453710003
cr4:       0x3626e0
dr7:       0x400
guest rip: 0xffffffffc070e03a
host rip:  0xffffffffc070e000
guest rsp: 0xffff98665b0c6000
host rsp:  0xffff98665b0c6000
rflags:    0x246
tr:        0x0040
   rights: 0x8b
   lim:    0x206f
   base:   0xfffffe0000102000
cs:        0x10
   rights: 0xa09b
   lim:    0xffffffff
   base:   0x0
ss:        0x18
   rights: 0xc093
   lim:    0xffffffff
   base:   0x0
ds:        0x00
   rights: 0x10000
   lim:    0x0
   base:   0x0
gs:        0x00
   rights: 0x10000
   lim:    0x0
   base:   0xffff98665fb40000
vmcs link: 0xffffffffffffffff
`;

/** All encodings, one with a slip: two digits of GS access rights, so that the preemption timer gets them. */
const ENCODINGS = FIELDS.map(({ identifier, encoding }) => {
  const written = identifier === "GUEST_GS_ACCESS_RIGHTS" ? 0x482e : encoding;
  return `${identifier} = 0x${written.toString(16).padStart(4, "0")}\n`;
}).join("");

export const EXAMPLES: readonly Example[] = [
  { title: "EPT pointer beyond MAXPHYADDR", cpu: "sandybridge", dump: EPT_POINTER, encodings: "" },
  { title: "a wrong encoding", cpu: "", dump: GS_LISTING, encodings: ENCODINGS },
];
