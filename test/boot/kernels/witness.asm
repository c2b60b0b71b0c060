; A witness for what other VMs do: fills 1 MiB with a pattern of its own, and reads it back again and again. Prints how often, and
; the longest time, in ticks, that passed between two looks at the time-stamp counter, which is the longest that it did not run.
; Its command line is the seed of the pattern. Ends with the value 0, or with 1 where a word has changed.

WORDS  equ 1 << 18
ROUNDS equ 16
; Words between two looks at the counter: a power of two.
STRIDE equ 64

%include "header.inc"

%include "serial.inc"

; The next word of the pattern in EAX (Numerical Recipes' linear congruential generator).
%macro next_word 0
    imul eax, eax, 1664525
    add eax, 1013904223
%endmacro

global start
start:
    mov esp, stack_top
    sti                         ; no device sends one; in Bochs 2.7 the host's would not come in either with IF 0
    mov esi, [ebx + 16]
    xor eax, eax
    xor edx, edx
.seed:
    mov dl, [esi]
    inc esi
    add eax, edx
    next_word
    test dl, dl
    jnz .seed
    mov [seed], eax
    mov edi, pattern
    mov ecx, WORDS
.fill:
    next_word
    stosd
    loop .fill
    com1_start
    rdtsc
    mov [last], eax
    mov ebp, ROUNDS
.round:
    mov eax, [seed]
    mov esi, pattern
    mov ecx, WORDS
.word:
    next_word
    cmp eax, [esi]
    jne .changed
    add esi, 4
    test ecx, STRIDE - 1
    jnz .go_on
    mov edi, eax
    rdtsc
    mov edx, eax
    sub edx, [last]
    mov [last], eax
    mov eax, edi
    cmp edx, [longest]
    jbe .go_on
    mov [longest], edx
.go_on:
    dec ecx
    jnz .word
    dec ebp
    jnz .round
    print_field [longest], "memory as it was, longest gap "
    new_line
    exit_with 0
.changed:
    mov [found], eax
    print "memory changed at "
    mov eax, esi
    call put_hex
    print_field [esi], ": "
    print_field [found], ", expected "
    new_line
    exit_with 1

section .bss
align 4096
seed: resd 1
last: resd 1
longest: resd 1
found: resd 1
pattern: resd WORDS
