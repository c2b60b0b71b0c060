// wasm2c's output has inline wrappers of these. The modules use no floating point, so none is ever called or linked.
#pragma once
#define isnan(x) __builtin_isnan(x)
double floor(double), ceil(double), trunc(double), nearbyint(double), fabs(double), sqrt(double);
float floorf(float), ceilf(float), truncf(float), nearbyintf(float), fabsf(float), sqrtf(float);
