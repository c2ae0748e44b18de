/** How people name a guest: as the document does, without its host, or by its port. Pure. */
import type { LabDocument } from './lab.ts'

/** Nobody of the lab is meant, or more than one. One sentence. */
export class NameError extends Error {
  override readonly name = 'NameError'
}

/** @param text `h1.acme-vm1`, `acme-vm1` or `acme/vm1` @returns as the document names it; undefined: nobody @throws NameError for several */
export function guestNamed(
  { workloads }: Pick<LabDocument, 'workloads'>,
  text: string,
): string | undefined {
  if (Object.hasOwn(workloads, text)) return text
  const isMeant = ([name, port]: [string, string]) =>
    port === text || name.slice(name.indexOf('.') + 1) === text
  const found = Object.entries(workloads)
    .filter(isMeant)
    .map(([name]) => name)
  if (found.length > 1) throw new NameError(`${text} may be ${found.join(' or ')}`)
  return found[0]
}

/** At most this many are named. */
const NAMED = 12

/** 'h1.vm1, h1.vm2 and 40 more'. */
export function named(names: readonly string[]): string {
  const more = names.length - NAMED
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
