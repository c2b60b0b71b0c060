; Shuts its processor down: an interrupt, the fault that follows, and the one that follows that have no gate.

%include "header.inc"

%include "serial.inc"

global start
start:
    mov esp, stack_top
    sti                         ; no device sends one; in Bochs 2.7 the host's would not come in either with IF 0
    com1_start
    print "about to fault three times"
    new_line
    lidt [no_gates]
    int3

align 4
no_gates:
    dw 0
    dd 0
