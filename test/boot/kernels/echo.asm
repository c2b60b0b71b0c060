; Prints a prompt without a line feed, waits for bytes at COM1 by polling, and answers each line; "q" ends it with the value 7.

LINE_STATUS equ COM1 + 5
DATA_READY  equ 0x01

%include "header.inc"

%include "serial.inc"

global start
start:
    mov esp, stack_top
    sti                         ; in Bochs 2.7 the host's interrupts would not come in with IF 0
    com1_start
    print "echo kernel"
    new_line
prompt:
    print 27, "[1mready> ", 27, "[0m"
    mov edi, line
.next:
    call get_byte
    cmp al, 13
    je .end
    call put_byte
    stosb
    cmp edi, line_end
    jb .next
.end:
    mov byte [edi], 0
    new_line
    cmp word [line], 'q'        ; and its end
    je leave_kernel
    print "you said <"
    mov esi, line
    call put_text
    print ">"
    new_line
    jmp prompt

leave_kernel:
    print "basalt: result 0 ok"
    new_line
    print "bye"                 ; no line feed
    exit_with 7

; AL: what was received next.
get_byte:
    mov dx, LINE_STATUS
.wait:
    in al, dx
    test al, DATA_READY
    jz .wait
    mov dx, COM1
    in al, dx
    ret

section .bss
line: resb 200
line_end: resb 1
