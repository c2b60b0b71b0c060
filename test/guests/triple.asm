; A triple fault: the expected end of this guest is the machine's shutdown, with no line behind its first (SDM 3A 6.15, #DF).

%include "lib/guest.inc"

main:
    survives "the guest runs", nop
    ; What was printed must have been sent.
    mov edx, UART_LINE_STATUS
.wait:
    in al, dx
    and al, UART_ALL_SENT
    cmp al, UART_ALL_SENT
    jne .wait
    ; No exception finds a gate.
    lidt [.no_gates]
    ud2
.no_gates:
    dw 0
    dq 0
