// The guest `real`: 16-bit code that prints a line by way of COM1, as a boot sector does. It lies where one would.

import { Ram, RAM_OK } from "../memory/ram";

/** Where firmware loads a boot sector; the stack grows down from here. */
export const BOOT_SECTOR: u64 = 0x7c00;

/**
 * mov si, text; then for each byte: lodsb; test al, al; jz to the end; mov ah, al; mov dx, 0x3fd; wait until the
 * transmitter is empty: in al, dx; test al, 0x20; jz back; mov al, ah; mov dx, 0x3f8; out dx, al; jmp to lodsb.
 * The end: hlt; jmp to the hlt. The text follows, and a zero.
 */
const CODE: StaticArray<u8> = [
  0xbe, 0x1d, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x12, 0x88, 0xc4, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, 0x88,
  0xe0, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xe9, 0xf4, 0xeb, 0xfd,
];
const TEXT: string = "hello from 16-bit real mode\r\n";

/** Writes code and text to `ram`. RAM_OK or RAM_OUT_OF_RANGE. */
export function realModeGuest(ram: Ram): u32 {
  const text = new StaticArray<u8>(TEXT.length + 1);
  for (let i = 0; i < TEXT.length; i++) text[i] = <u8>TEXT.charCodeAt(i);
  const status = ram.write(BOOT_SECTOR, CODE);
  return status == RAM_OK ? ram.write(BOOT_SECTOR + CODE.length, text) : status;
}
