// What a guest prints in a raw console must not read as a line of Basalt's: the one thing that is changed.

const MARK: string = "basalt:";
const INSTEAD_OF_COLON: u8 = 0x3b;
const FIRST: u8 = 0x62;

const CARRIAGE_RETURN: u8 = 0x0d;
const ESCAPE: u8 = 0x1b;
const BRACKET: u8 = 0x5b;
const LAST_OF_PARAMETERS: u8 = 0x3f;

// Where a byte stands.
const IN_TEXT: u32 = 0;
const BEHIND_ESCAPE: u32 = 1;
const IN_SEQUENCE: u32 = 2;

/** Follows one guest's bytes, across carriage returns and escape sequences, which who reads the line takes away. */
export class OwnMark {
  private place: u32 = IN_TEXT;
  /** Letters of MARK that the text ends with. */
  private matched: i32 = 0;

  /** What is to be printed for `byte`: the colon behind "basalt" becomes a semicolon. */
  filter(byte: u8): u8 {
    if (this.isInvisible(byte)) return byte;
    if (byte != <u8>MARK.charCodeAt(this.matched)) this.matched = byte == FIRST ? 1 : 0;
    else if (++this.matched == MARK.length) {
      this.matched = 0;
      return INSTEAD_OF_COLON;
    }
    return byte;
  }

  private isInvisible(byte: u8): bool {
    if (byte == ESCAPE) {
      this.place = BEHIND_ESCAPE;
      return true;
    }
    if (this.place == BEHIND_ESCAPE && byte == BRACKET) {
      this.place = IN_SEQUENCE;
      return true;
    }
    const wasInSequence = this.place == IN_SEQUENCE;
    const goesOn = wasInSequence && byte >= 0x20 && byte <= LAST_OF_PARAMETERS;
    if (!goesOn) this.place = IN_TEXT;
    return wasInSequence || byte == CARRIAGE_RETURN || byte < 0x20 || byte > 0x7e;
  }
}
