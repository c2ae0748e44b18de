/** `weft describe`: one object and all that is known of it. Neighbours: objects-options.ts, ../print/details.ts. */
import { nounOf } from '../../controller/model/collections.ts'
import { detailLines, sections } from '../print/details.ts'
import { print } from '../print/output.ts'
import { paint } from '../print/terminal.ts'
import type { Answered } from '../print/views.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { objectOf, objectPath } from '../target.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface DescribeOptions extends RestArguments {
  /** Plural of the collection. */
  readonly of: string
  readonly id: string
  readonly tenant?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** @returns the exit code */
export async function describe(options: DescribeOptions): Promise<number> {
  const { of, id, output, signal } = options
  const { collection, key } = objectOf(of, id, options.tenant)
  const rest = openSession(options, signal)
  const path = objectPath(collection, key)
  const { body } = await rest.ask<Answered>('GET', path)
  const dropped = collection === 'host' ? { drops: await dropsOf(rest, path) } : {}
  await print(output, { ...body, ...dropped }, () => [
    ...detailLines(`${nounOf(collection)} ${key}`, body, paint),
    ...sections(dropped, paint),
  ])
  return 0
}

/** What a host dropped, most first; undefined while it is not connected. */
async function dropsOf(rest: Rest, path: string): Promise<readonly Drop[] | undefined> {
  try {
    const { body } = await rest.ask<{ readonly drops: readonly Drop[] }>('GET', `${path}/drops`)
    return body.drops.filter(({ packets }) => packets > 0).sort((a, b) => b.packets - a.packets)
  } catch (error) {
    if (error instanceof RestError && error.type === 'host_disconnected') return undefined
    throw error
  }
}

interface Drop {
  readonly reason: string
  readonly packets: number
}
