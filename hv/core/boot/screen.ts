// The screen that the boot loader left: Multiboot2's framebuffer tag (specification 2.0, 3.6.12), or VGA's text memory
// where there is no such tag. All of it is checked: here, in boot/runtime where it is mapped, and in hv/terminal.

import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";
import { openScreen } from "../hardware";
import { Bytes } from "../memory/bytes";
import { PhysicalMemory } from "../memory/physical-memory";
import {
  SCREEN_ABSENT,
  SCREEN_LAST_STATUS,
  SCREEN_TEXT,
  SCREEN_UNMAPPABLE,
  SCREEN_WRONG_COLOURS,
  SCREEN_WRONG_DEPTH,
  SCREEN_WRONG_SIZE,
} from "../../shared/screen";

const TAG_BYTES: u32 = 32;
const RGB_TAG_BYTES: u32 = 38;
const TYPE_INDEXED: u32 = 0;
const TYPE_RGB: u32 = 1;
const TYPE_TEXT: u32 = 2;

const VGA_TEXT: u64 = 0xb8000;
/** VGA's own memory; below it a PC has RAM only. */
const VGA_MEMORY: u64 = 0xa0000;
const VGA_MEMORY_END: u64 = 0xc0000;
/** From here to 4 GiB a PC has its interrupt controllers, and the firmware. */
const CHIPSET: u64 = 0xfec00000;
const CHIPSET_END: u64 = 0x100000000;

/** Where the screen is and how it is laid out; VGA's text memory unless a tag says otherwise. */
export class Screen {
  private address: u64 = VGA_TEXT;
  private pitch: u32 = 160;
  private width: u32 = 80;
  private height: u32 = 25;
  private bits: u32 = SCREEN_TEXT;
  private red: u32 = 0;
  private green: u32 = 0;
  private blue: u32 = 0;
  /** Whether the boot loader told of it: of VGA's text it also does where no VGA adapter is. */
  private isTold: bool = false;
  private isTextExpected: bool = true;
  /** Whether it was compared with the machine's RAM. */
  private isCompared: bool = false;
  /** What is wrong with it, "" if nothing is. */
  private problem: string = "";
  private size: u32 = 0;

  /** Takes the framebuffer tag at `at` of the boot information. */
  read(information: Bytes, at: u32, bytes: u32): void {
    this.isTold = true;
    if (bytes < TAG_BYTES) return this.refuse("the framebuffer tag is too short");
    const type = information.u8(at + 29);
    this.address = information.u64(at + 8);
    this.pitch = information.u32(at + 16);
    this.width = information.u32(at + 20);
    this.height = information.u32(at + 24);
    this.bits = SCREEN_TEXT;
    if (type == TYPE_TEXT) return;
    this.bits = information.u8(at + 28);
    if (type == TYPE_INDEXED) return this.refuse("its pixels are indices of a palette; expected red, green and blue");
    if (type != TYPE_RGB) return this.refuse("it is of no known type; expected RGB or text");
    if (bytes < RGB_TAG_BYTES) return this.refuse("the framebuffer tag is too short");
    if (this.bits == SCREEN_TEXT) return this.refuse("its pixels have no bits");
    this.red = mask(information, at + 32);
    this.green = mask(information, at + 34);
    this.blue = mask(information, at + 36);
  }

  private refuse(problem: string): void {
    this.problem = problem;
  }

  /** UEFI has no text mode: without a framebuffer tag there is no screen. */
  expectNoText(): void {
    this.isTextExpected = false;
  }

  /** Refuses a screen that lies in RAM, all of which `memory` holds. */
  compare(memory: PhysicalMemory): void {
    this.isCompared = true;
    if (memory.touches(this.address, <u64>this.pitch * this.height)) this.refuse("it lies in RAM");
  }

  /** Refuses a screen that lies where none can. */
  private checkPlace(): void {
    const end = this.address + <u64>this.pitch * this.height;
    const endOfAddresses = (<u64>1) << new Cpuid().maximumPhysicalAddress();
    if (end < this.address || end > endOfAddresses) this.refuse("it lies beyond this CPU's physical addresses");
    else if (this.address < VGA_MEMORY) this.refuse("it lies in RAM");
    else if (this.bits == SCREEN_TEXT && end > VGA_MEMORY_END) this.refuse("text lies in VGA's own memory only");
    else if (this.address < CHIPSET_END && end > CHIPSET) this.refuse("it lies where interrupt controllers are");
    else if (this.bits != SCREEN_TEXT && !this.isCompared)
      this.refuse("the boot information does not tell where RAM is");
  }

  /** Opens it, so that everything printed from now on shows there too. */
  open(): void {
    if (!this.isTold && !this.isTextExpected) return;
    if (this.problem.length == 0) this.checkPlace();
    if (this.problem.length != 0) return;
    const answer = openScreen(
      this.address,
      this.pitch,
      this.width,
      this.height,
      this.bits,
      this.red,
      this.green,
      this.blue,
    );
    if (answer > SCREEN_LAST_STATUS) this.size = answer;
    else if (answer == SCREEN_ABSENT) this.isTold = false;
    else this.problem = problemOf(answer);
  }

  get isOpen(): bool {
    return this.size != 0;
  }

  /** Warns where the boot loader told of a screen that cannot be used. */
  warn(console: Console): void {
    if (this.isOpen || !this.isTold) return;
    console.warning().text("no screen, because of what the boot loader says of it: ").text(this.problem).text(" (at ");
    console.hex(this.address).text(", ").decimal(this.width).text(" x ").decimal(this.height);
    console.text(", ").decimal(this.bits).text(" bits, pitch ").decimal(this.pitch).text(")").end();
  }

  /** Continues a line of `console`: "screen 80x25". */
  describe(console: Console): void {
    if (!this.isOpen) {
      console.text("no screen");
      return;
    }
    console
      .text("screen ")
      .decimal(this.size >> 16)
      .text("x")
      .decimal(this.size & 0xffff)
      .text(" text");
    if (this.bits != SCREEN_TEXT)
      console.text(" of ").decimal(this.width).text("x").decimal(this.height).text(" pixels");
  }
}

/** The bits of a pixel whose position and number stand at `at`; 0 where they are none or lie beyond 32 bits. */
function mask(information: Bytes, at: u32): u32 {
  const position = information.u8(at);
  const bits = information.u8(at + 1);
  return bits == 0 || position + bits > 32 ? 0 : ((<u32>0xffffffff) >> (32 - bits)) << position;
}

function problemOf(status: u32): string {
  if (status == SCREEN_UNMAPPABLE) return "its memory is no device's, or larger than 64 MiB";
  if (status == SCREEN_WRONG_SIZE) return "its size makes no sense; expected 40 x 10 letters and more";
  if (status == SCREEN_WRONG_DEPTH) return "its depth is unknown; expected 15, 16, 24 or 32 bits";
  if (status == SCREEN_WRONG_COLOURS) return "its colours have no bits of their own";
  return "unknown";
}
