/**
 * Chance, passed in like time: numbers from 0 up to 1, and the uuids that are made of them. A lab with a seed gives numbers of its
 * own, so that the same seed makes the same rows. Neighbour: clock.ts. Left out, uuids and bytes are those of node:crypto, which
 * nobody guesses.
 */
import { randomFillSync, randomUUID } from 'node:crypto'

/** From 0 up to 1. */
export type Random = () => number

const NUMBER_BYTES = 6
const pool = Buffer.alloc(1024 * NUMBER_BYTES)
let taken = pool.length

/** Of node:crypto: what everybody sees of it (a MAC, a port of NAT) says nothing of what tables are hashed by. */
export const systemRandom: Random = () => {
  if (taken === pool.length) {
    randomFillSync(pool)
    taken = 0
  }
  const value = pool.readUIntBE(taken, NUMBER_BYTES)
  taken += NUMBER_BYTES
  return value / 2 ** (8 * NUMBER_BYTES)
}

/** New uuids of version 4 (RFC 9562 §5.4), out of `random`; left out, out of the system's. */
export function uuids(random?: Random): () => string {
  if (!random) return randomUUID
  const fill = filler(random)
  const bytes = Buffer.alloc(16)
  return () => {
    fill(bytes, 0, 16)
    bytes[6] = 0x40 | (bytes[6]! & 0x0f)
    bytes[8] = 0x80 | (bytes[8]! & 0x3f)
    const hex = bytes.toString('hex')
    const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
    // In one piece: what is put together with + stays a chain of its parts, several times as large.
    return [...parts, hex.slice(20)].join('-')
  }
}

/** Fills a part of an array with bytes that nobody knows beforehand, out of `random`; left out, out of the system's. */
export function filler(random?: Random): (bytes: Uint8Array, from: number, size: number) => void {
  if (!random) return (bytes, from, size) => void randomFillSync(bytes, from, size)
  return (bytes, from, size) => {
    for (let i = from; i < from + size; i++) bytes[i] = Math.floor(random() * 256)
  }
}
