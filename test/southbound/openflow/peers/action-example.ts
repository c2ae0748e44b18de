/** What an example of an action is. Neighbours: actions.ts and its parts have them. */
import type { Action } from '../../../../southbound/openflow/action.ts'
import type { OsKenValue } from './os-ken.ts'

export interface ActionExample {
  readonly action: Action
  readonly prints: string
  /** A sentence: why not. */
  readonly osKen: OsKenValue | string
}

export const NO_CLASS = 'has no class for it'
export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
export const one = (action: Action, prints: string, osKen: OsKenValue | string): ActionExample => ({
  action,
  prints,
  osKen,
})
export const bits = (ofs: number, n: number) => (ofs << 6) | (n - 1)
export const tlv = (field: string, value: unknown, mask: unknown = null) => ({
  OXMTlv: { field, mask, value },
})
