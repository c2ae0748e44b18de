/**
 * What `api` asks for, a row each. Requests are made from a counter, so that processes that share a row (../api.ts, client.ts)
 * send the same.
 */

import { specOf } from './site.ts'

/** A request; `n` differs for each of a run, `run` for each run. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: object
}

export interface Operation {
  readonly name: string
  readonly status: number
  /** What it is held against: a plain server that answers the same bytes, or as many fsyncs. */
  readonly peer: 'plain' | 'fsync' | undefined
  /** @param ports that the site has */
  request(n: number, run: number, ports: number): Asked
}

const at = '/v1/tenants/acme/ports'
/** Any port of the site, each equally likely and always the same for the same n. */
const some = (n: number, of: number): number => (Math.imul(n + 1, 2_654_435_761) >>> 0) % of
const fresh = (n: number, of: number) => ({ network: specOf(some(n, of)).network })

export const operations: readonly Operation[] = [
  {
    ...{ name: 'GET a port', status: 200, peer: 'plain' },
    request: (n, _, ports) => ({ method: 'GET', path: `${at}/p${some(n, ports)}` }),
  },
  {
    ...{ name: 'GET 1,000 ports', status: 200, peer: 'plain' },
    request: () => ({ method: 'GET', path: `${at}?limit=1000` }),
  },
  {
    ...{ name: 'PUT a new port', status: 201, peer: 'fsync' },
    request: (n, run, ports) => ({
      method: 'PUT',
      path: `${at}/a${run}-${n}`,
      body: fresh(n, ports),
    }),
  },
  {
    ...{ name: 'PUT, unchanged', status: 200, peer: undefined },
    request: (n, _, ports) => ({
      method: 'PUT',
      path: `${at}/p${some(n, ports)}`,
      body: specOf(some(n, ports)),
    }),
  },
  {
    ...{ name: 'PATCH a port', status: 200, peer: 'fsync' },
    request: (n, run, ports) => ({
      method: 'PATCH',
      path: `${at}/p${some(n, ports)}`,
      body: { labels: { run: `${run}-${n}` } },
    }),
  },
  {
    ...{ name: ':apply of 10 ports', status: 200, peer: 'fsync' },
    request: (n, run, ports) => ({
      method: 'POST',
      path: '/v1/tenants/acme:apply',
      body: {
        tenants: {
          acme: {
            ports: Object.fromEntries(
              Array.from({ length: 10 }, (_, i) => [`b${run}-${n}-${i}`, fresh(n, ports)]),
            ),
          },
        },
      },
    }),
  },
]
