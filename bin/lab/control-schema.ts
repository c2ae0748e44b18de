/** What is said at the control socket of a lab: both ends are the same version of Weft. Neighbours: control-server.ts, control-client.ts. */
import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false } as const

export const backends = ['memory', 'netns', 'vagrant'] as const
export type Backend = (typeof backends)[number]
export const backendSchema = Type.Unsafe<Backend>(
  Type.Union(backends.map((name) => Type.Literal(name))),
)

/** A command for a guest of the memory lab, which has a stack and no shell. */
export const RunRequest = Type.Object(
  { name: Type.String(), argv: Type.Array(Type.String(), { minItems: 1 }) },
  strict,
)
export type RunRequest = Static<typeof RunRequest>

export const NameQuery = Type.Object({ name: Type.String() }, strict)

/** How a command gets into a guest or onto a host. */
export interface CommandAnswer {
  /** As the document has it. */
  readonly name: string
  /** What stands before the command; left out: there is no shell, `POST /run` has a few commands. */
  readonly prefix?: readonly string[]
}

const list = Type.Array(Type.String())
export const CaptureRequest = Type.Object(
  {
    where: list,
    hosts: list,
    guests: list,
    count: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  strict,
)
export type CaptureRequest = Static<typeof CaptureRequest>

export const TestRequest = Type.Object({ scenarios: Type.Boolean() }, strict)
export type TestRequest = Static<typeof TestRequest>

/** In the header of the answer to a capture: what ends it. */
export const CAPTURE_ID = 'weft-capture'
/** Also there: what is watched, as JSON. */
export const CAPTURE_PLACES = 'weft-capture-places'
/** In its trailers. */
export const PACKETS = 'weft-packets'
export const DROPPED = 'weft-dropped'
/** Percent-encoded; empty: it ended as it was asked to. */
export const FAULT = 'weft-fault'

export interface GuestStatus {
  readonly name: string
  readonly host: string
  readonly port: string
  readonly network: string
  readonly mac: string
  readonly address: string
  /** Of its port: `realized`, or what it waits for. */
  readonly state: string
}

export interface HostStatus {
  readonly id: string
  readonly kind: 'ovs' | 'vtep'
  /** What switches there, in words. */
  readonly switch: string
  readonly vtepAddress: string
  readonly state: string
}

export interface LabStatus {
  readonly name: string
  readonly backend: Backend
  readonly document: string
  readonly file: string
  readonly tls: boolean
  readonly since: string
  readonly pid: number
  readonly state: 'up' | 'coming up' | 'going down' | 'does not answer'
  /** Of REST. */
  readonly url?: string
  readonly ports?: { readonly realized: number; readonly total: number }
  readonly hosts?: readonly HostStatus[]
  readonly guests?: readonly GuestStatus[]
}

/** A line of an answer that takes its time; the last one is `end` or `error`. */
export type Line<T> =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'end'; readonly value: T }
  | { readonly kind: 'error'; readonly message: string }
