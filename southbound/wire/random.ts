/**
 * Chance, passed in like time: numbers from 0 up to 1, and the uuids that are made of them. A lab with a seed gives numbers of its
 * own, so that the same seed makes the same rows. Neighbour: clock.ts. Left out, uuids and bytes are those of node:crypto, which
 * nobody guesses.
 */
import { randomFillSync, randomUUID } from 'node:crypto'

/** From 0 up to 1. */
export type Random = () => number

export const systemRandom: Random = Math.random

/** New uuids of version 4 (RFC 9562 §5.4), out of `random`; left out, out of the system's. */
export function uuids(random?: Random): () => string {
  if (!random) return randomUUID
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  return () => {
    const variant = '89ab'[Math.floor(random() * 4)]
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${variant}${hex(3)}-${hex(12)}`
  }
}

/** Fills a part of an array with bytes that nobody knows beforehand, out of `random`; left out, out of the system's. */
export function filler(random?: Random): (bytes: Uint8Array, from: number, size: number) => void {
  if (!random) return (bytes, from, size) => void randomFillSync(bytes, from, size)
  return (bytes, from, size) => {
    for (let i = from; i < from + size; i++) bytes[i] = Math.floor(random() * 256)
  }
}
