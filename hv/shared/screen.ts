// What opening the screen answers: its size in characters, or why there is none.

/** Answers above this are a size: columns in bits 31:16, rows in bits 15:0. */
export const SCREEN_LAST_STATUS: u32 = 0xffff;

/** The memory of the screen lies beyond the CPU's addresses, in Basalt's image, or is too large (boot/runtime). */
export const SCREEN_UNMAPPABLE: u32 = 1;
/** Nothing answers in VGA's text memory: there is no VGA adapter, or it is in another mode. */
export const SCREEN_ABSENT: u32 = 2;
export const SCREEN_WRONG_SIZE: u32 = 3;
export const SCREEN_WRONG_DEPTH: u32 = 4;
export const SCREEN_WRONG_COLOURS: u32 = 5;

/** In place of the bits per pixel: memory of VGA text, whose width and height are in characters. */
export const SCREEN_TEXT: u32 = 0;
