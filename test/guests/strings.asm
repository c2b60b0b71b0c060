; Port I/O, string I/O above all: REP, DF, address and operand sizes, segments, faults in the middle, privilege.

%include "lib/guest.inc"

; A register of the UART that only holds a byte.
SCRATCH_PORT equ COM1 + 7
; A port that takes writes and does nothing, and one that no device has.
DUMMY_PORT equ 0x80
NO_PORT equ 0x5f0
NOT_CANONICAL equ 0x8000000000001000
FIRST_PAGE equ 0x200000
SECOND_PAGE equ 0x300000
; The first byte of the second page at OWN_PAGES.
BOUNDARY equ OWN_PAGES + 0x1000

section .data
    align 8
letters:    db "abcdefghijklmnopqrstuvwxyz012345"
section .bss
    alignb 8
buffer:     resb 12288
section .text

; AL = what the scratch register holds.
%macro read_scratch 0
    mov edx, SCRATCH_PORT
    in al, dx
    movzx eax, al
%endmacro

%macro write_scratch 1
    mov edx, SCRATCH_PORT
    mov al, %1
    out dx, al
%endmacro

main:
    cld
    call check_plain
    call check_outs
    call check_ins
    call check_faults
    call check_privilege
    jmp check_other_modes

; SDM 2A, IN; SDM 2B, OUT
check_plain:
    write_scratch 0x5a
    mov rax, -1
    in al, dx
    mov rsi, 0xffffffffffffff5a
    check "IN of a byte changes AL only", rax, rsi
    mov rax, 0x1122334455667788
    mov edx, NO_PORT
    in ax, dx
    mov rsi, 0x112233445566ffff
    check "IN of a word from a port without device reads ones into AX", rax, rsi
    mov rax, 0x1122334455667788
    in eax, dx
    mov esi, 0xffffffff
    check "IN of 32 bits clears the upper half of RAX", rax, rsi
    mov rdx, 0xffffffffffff0000 | SCRATCH_PORT
    in al, dx
    movzx eax, al
    check "IN takes 16 bits of RDX", rax, 0x5a
    survives "OUT of a word", {out DUMMY_PORT, ax}
    survives "OUT of 32 bits", {out DUMMY_PORT, eax}
    ret

; SDM 2B, OUTS
check_outs:
    mov edx, SCRATCH_PORT
    lea rsi, [letters]
    outsb
    read_scratch
    check "OUTSB writes a byte", rax, 'a'
    check "OUTSB moves RSI", rsi, letters + 1
    mov edx, SCRATCH_PORT
    mov ecx, 5
    rep outsb
    read_scratch
    check "REP OUTSB writes up to the last byte", rax, 'f'
    check "REP OUTSB moves RSI", rsi, letters + 6
    check "REP OUTSB counts RCX down", rcx, 0
    mov edx, SCRATCH_PORT
    mov ecx, 3
    std
    rep outsb
    cld
    read_scratch
    check "REP OUTSB with DF goes down", rax, 'e'
    check "REP OUTSB with DF moves RSI down", rsi, letters + 3
    mov edx, SCRATCH_PORT
    mov rsi, NOT_CANONICAL
    xor ecx, ecx
    survives "REP OUTSB with a count of 0 touches nothing", rep outsb
    lea rsi, [letters]
    mov edx, DUMMY_PORT
    mov ecx, 4
    rep outsw
    check "REP OUTSW moves RSI by 2", rsi, letters + 8
    mov ecx, 4
    rep outsd
    check "REP OUTSD moves RSI by 4", rsi, letters + 24
    mov edx, SCRATCH_PORT
    mov rsi, 0xffffffff00000000
    add rsi, letters
    mov rcx, 0xffffffff00000002
    a32 rep outsb
    mov edi, letters + 2
    check "a 32-bit address size takes ESI and clears the rest of RSI", rsi, rdi
    check "a 32-bit address size counts ECX", rcx, 0
    mov ecx, IA32_FS_BASE
    mov eax, letters
    xor edx, edx
    wrmsr
    mov edx, SCRATCH_PORT
    mov esi, 9
    fs outsb
    read_scratch
    check "OUTSB takes the segment of a prefix", rax, 'j'
    mov ecx, 8192
    lea rsi, [buffer]
    mov edx, DUMMY_PORT
    rep outsb
    check "REP OUTSB goes on over pages", rsi, buffer + 8192
    ret

; SDM 2A, INS
check_ins:
    write_scratch 0x77
    lea rdi, [buffer]
    insb
    check "INSB moves RDI", rdi, buffer + 1
    movzx eax, byte [buffer]
    check "INSB stores a byte", rax, 0x77
    mov ecx, 7
    rep insb
    mov rsi, 0x7777777777777777
    check "REP INSB stores bytes", qword [buffer], rsi
    check "REP INSB counts RCX down", rcx, 0
    check "REP INSB moves RDI", rdi, buffer + 8
    movzx eax, byte [buffer + 8]
    check "REP INSB stores no more", rax, 0
    write_scratch 0x66
    mov ecx, 2
    dec rdi
    std
    rep insb
    cld
    mov rsi, 0x6666777777777777
    check "REP INSB with DF goes down", qword [buffer], rsi
    check "REP INSB with DF moves RDI down", rdi, buffer + 5
    mov edx, NO_PORT
    lea rdi, [buffer + 16]
    mov ecx, 3
    rep insw
    mov rsi, 0x0000ffffffffffff
    check "REP INSW stores words", qword [buffer + 16], rsi
    check "REP INSW moves RDI by 2", rdi, buffer + 22
    lea rdi, [buffer + 24]
    insd
    mov esi, 0xffffffff
    check "INSD stores 32 bits", qword [buffer + 24], rsi
    write_scratch 0x55
    lea rdi, [buffer]
    mov ecx, 12288
    rep insb
    mov rsi, 0x5555555555555555
    check "REP INSB goes on over pages", qword [buffer + 12280], rsi
    mov rdi, 0xffffffff00000000
    add rdi, buffer
    write_scratch 0x44
    a32 insb
    mov esi, buffer + 1
    check "INSB with a 32-bit address size takes EDI and clears the rest of RDI", rdi, rsi
    ret

; Maps the two pages at OWN_PAGES with attributes %1 and %2, 0 for not present.
%macro two_pages 2
  %if %1
    mov qword [own_pages], FIRST_PAGE | %1
  %else
    mov qword [own_pages], 0
  %endif
  %if %2
    mov qword [own_pages + 8], SECOND_PAGE | %2
  %else
    mov qword [own_pages + 8], 0
  %endif
    invlpg [abs OWN_PAGES]
    invlpg [abs BOUNDARY]
%endmacro

; Faults between two iterations leave the registers so that the instruction can go on (SDM 2B, REP).
check_faults:
    two_pages PAGE_ALL, 0
    write_scratch 0x33
    mov qword [abs BOUNDARY - 8], 0
    mov edi, BOUNDARY - 5
    mov ecx, 9
    raises "REP INSB into a page that is not present", PF, 2, rep insb
    check "RCX is what is left to do", rcx, 4
    check "RDI is where to go on", rdi, BOUNDARY
    check "CR2 is where it faulted", qword [exception.cr2], BOUNDARY
    mov rsi, 0x3333333333000000
    check "what came before is stored", qword [abs BOUNDARY - 8], rsi
    two_pages PAGE_ALL, PAGE_ALL
    rep insb
    check "REP INSB goes on", rdi, BOUNDARY + 4
    mov eax, [abs BOUNDARY]
    check "what comes behind is stored", rax, 0x33333333
    two_pages PAGE_ALL, 0
    mov esi, BOUNDARY - 3
    mov ecx, 5
    mov edx, DUMMY_PORT
    raises "REP OUTSB from a page that is not present", PF, 0, rep outsb
    check "RCX is what is left of REP OUTSB", rcx, 2
    check "RSI is where REP OUTSB goes on", rsi, BOUNDARY
    mov esi, BOUNDARY - 2
    raises "OUTSD across the end of a page that is present", PF, 0, outsd
    check "RSI stays where OUTSD faulted", rsi, BOUNDARY - 2
    mov edi, BOUNDARY - 1
    mov edx, NO_PORT
    raises "INSW across the end of a page that is present", PF, 2, insw
    check "RDI stays where INSW faulted", rdi, BOUNDARY - 1
    two_pages PAGE_PRESENT, PAGE_ALL
    mov edi, OWN_PAGES
    raises "INSB into a read-only page", PF, 3, insb
    two_pages PAGE_ALL, PAGE_ALL
    mov edi, BOUNDARY - 2
    insd
    mov edi, 0xffffffff
    mov eax, [abs BOUNDARY - 2]
    check "INSD across two pages", rax, rdi
    mov rdi, NOT_CANONICAL
    raises "INSB to a non-canonical address", GP, 0, insb
    mov rsi, NOT_CANONICAL
    raises "OUTSB from a non-canonical address", GP, 0, outsb
    two_pages 0, 0
    ret

; SDM 1 19.5.1
check_privilege:
    try
    enter_user CODE64
    mov edx, DUMMY_PORT
    lea rsi, [letters]
    expect_here
    outsb
    caught
    check_exception "OUTSB at privilege level 3 with IOPL 0", GP, 0
    try
    enter_user CODE64
    mov edx, DUMMY_PORT
    lea rdi, [buffer]
    mov ecx, 3
    expect_here
    rep insb
    caught
    check_exception "REP INSB at privilege level 3 with IOPL 0", GP, 0
    try
    push RFLAGS_FIXED | 3 << 12
    popfq
    enter_user CODE64
    mov edx, SCRATCH_PORT
    lea rsi, [letters + 5]
    outsb
    expect_here
    ud2
    caught
    push RFLAGS_FIXED
    popfq
    check_exception "OUTSB at privilege level 3 with IOPL 3", UD, none
    read_scratch
    check "it writes", rax, 'f'
    try
    push RFLAGS_FIXED | 3 << 12
    popfq
    enter_user CODE64
    mov edx, SCRATCH_PORT
    mov esi, OWN_PAGES
    expect_here
    outsb
    caught
    push RFLAGS_FIXED
    popfq
    check_exception "OUTSB at privilege level 3 from a page that is not present", PF, 4
    ret

check_other_modes:
    write_scratch 0x22
    mov rax, 0x00409300000003e7
    mov [spare_descriptors], rax
    mov eax, buffer
    mov [spare_descriptors + 2], ax
    shr eax, 16
    mov [spare_descriptors + 4], al
    mov edi, .in_protected_mode
    mov esi, PAGING_NONE
    call run_protected
    check_kept "REP INSB across the limit of ES in protected mode", 0, GP, 0
    check "ECX is what is left to do in protected mode", rax, 2
    mov edi, outs_in_real_mode
    call run_real
    check "REP OUTSB in real mode moves SI and leaves the rest of ESI", rax, 0x12340004
    read_scratch
    check "REP OUTSB in real mode writes", rax, 'D'
    mov edi, ins_in_real_mode
    call run_real
    check "INSB in real mode wraps DI", rax, 0x22
    ret
bits 32
.in_protected_mode:
    mov eax, SELECTOR_SPARE
    mov es, eax
    mov edi, 0x3e4
    mov ecx, 6
    mov edx, SCRATCH_PORT
    try
    rep insb
    caught
    keep_exception 0
    mov eax, ecx
    mov ecx, SELECTOR_DATA
    mov es, ecx
    ret
bits 64

section .real
bits 16
outs_in_real_mode:
    mov esi, 0x12340000
    mov ax, .text
    shr ax, 4
    mov ds, ax
    mov cx, 4
    mov dx, SCRATCH_PORT
    rep outsb
    xor ax, ax
    mov ds, ax
    mov eax, esi
    ret
    align 16
.text: db "ABCD"

; The byte at 1FFFFH, and that at 10000H behind it.
ins_in_real_mode:
    mov dx, SCRATCH_PORT
    mov al, 0x22
    out dx, al
    mov ax, 0x1000
    mov es, ax
    mov byte [es:0], 0
    mov di, 0xffff
    mov cx, 2
    rep insb
    movzx eax, byte [es:0]
    ret
