// Scan codes of set 1, as the keyboard controller translates to it, and the ASCII of each key of a US keyboard.
// "Keyboard Scan Code Specification" (Microsoft), revision 1.3a, appendix C.

export const SCAN_RELEASED: u32 = 0x80;
export const SCAN_LEFT_SHIFT: u32 = 0x2a;
export const SCAN_RIGHT_SHIFT: u32 = 0x36;
/** The left one; the right one sends it behind SCAN_EXTENDED. */
export const SCAN_CONTROL: u32 = 0x1d;
/** Before the code of a key that the first PCs did not have. */
export const SCAN_EXTENDED: u32 = 0xe0;
/** Before the two codes of the Pause key. */
export const SCAN_PAUSE: u32 = 0xe1;
export const SCAN_KEYPAD_ENTER: u32 = 0x1c;

export const KEY_NONE: u32 = 0;
export const KEY_ENTER: u32 = 0x0d;
/** What is left of a letter while a Ctrl key is held down: 1 for A to 26 for Z. */
export const KEY_CONTROL_MASK: u32 = 0x1f;

/** By scan code from 0 on; '\0' where the key has no ASCII. */
export const KEYS: string = "\0\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
/** The same with a shift key held down. */
export const SHIFTED_KEYS: string = '\0\x1b!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 ';
