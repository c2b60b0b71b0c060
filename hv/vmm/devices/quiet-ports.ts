// Ports of a PC that software touches whether or not anything is there: nothing is, and nothing is said about it.

import { Device } from "../bus";
import { PortBus } from "../port-bus";

/** First port, and how many. */
const RANGES: StaticArray<u32> = [
  // The first DMA controller and its alias.
  0x00, 0x20,
  // POST codes, which are written for the time that it takes, and the DMA controllers' page registers.
  0x80, 0x10,
  // The second DMA controller.
  0xc0, 0x20,
  // What is written for the time that it takes where port 0x80 is not.
  0xed, 0x01,
];

/** Reads all ones, and swallows what is written. */
export class QuietPorts extends Device {
  /** Attaches itself to all its ports, each of which is a byte. */
  attachTo(ports: PortBus): void {
    for (let i = 0; i < RANGES.length; i += 2) ports.attach(RANGES[i], RANGES[i + 1], this);
  }

  read(_offset: u32, _bytes: u32): u64 {
    return 0xff;
  }

  write(_offset: u32, _bytes: u32, _value: u64): void {
    // Nothing is there.
  }
}
