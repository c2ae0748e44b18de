/** Who makes a request, once it is proven. Neighbours: access.ts proves it, rights.ts says what it may. */

/** `operator`: all of the site. `reader`: looks, at one tenant or at the site. The others are of one tenant. */
export type Role = 'operator' | 'admin' | 'member' | 'reader'

export interface Principal {
  /** What the journal calls it: 'token acme/ci', 'jwt alice@example.org'. */
  readonly subject: string
  readonly role: Role
  /** The only tenant that there is for it; absent: all of the site. */
  readonly tenant?: string
}

/** Who may do everything, where nobody is asked: labs, and `weft serve --no-auth`. */
export const anybody: Principal = Object.freeze({ subject: 'anybody', role: 'operator' })
