/**
 * Options of `node` for a process that is a large lab. What a site is made of stays: two collections of new objects are spared
 * most of it when they are far apart. And V8 by itself collects a gigabyte anew for each 64 MiB that buffers have taken outside its
 * heap, however soon they are free again. Evidence: README.md, decision 4.
 */
export const V8_OPTIONS = [
  '--max-semi-space-size=64',
  '--external-memory-accounted-in-global-limit',
] as const
