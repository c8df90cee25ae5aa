/*
 * Durable jobs: the ledger in PostgreSQL, the dispatch index in Redis, two workers, a dispatcher, a reaper and a
 * reconciler, and what may go wrong between them. Checked by spin; `make spin` runs it (Tests/Proof/Spin/check).
 *
 * What is modelled
 *   A step here is what is atomic there: one Lua script, or one SQL statement or transaction. Between two steps of
 *   one part every other part may take any number of steps. So a part that is slow, or stopped (SIGSTOP) and continued,
 *   needs no words of its own: it is one that takes no step for a while. What a stop adds is that its lease ends:
 *   EXPIRIES.
 *   The ledger   jobs (state, epoch, session), job_dispatches (tickets), job_claims, job_stragglers, the watermark,
 *                worker_sessions (ended or not).          Sources/JobQueue/Ledger/SQL, migrations/platform/0001
 *   Redis        the lane, the running sets, `gone`, the sessions, whether the queue is open.
 *                                                          Sources/JobQueue/Dispatch/Scripts
 *   A worker     its session, what it claimed and has not begun, its attempts (AttemptTable), what it has yet to
 *                acknowledge (Acknowledgements).           Sources/WorkerRuntime
 * What is not
 *   Time (a lease may end whenever it is allowed to, a ticket is due at once), lanes and priorities, parked jobs (they
 *   wait with a ticket, as those to be retried do), quarantine and death (faults are fewer than the crashes forgiven).
 *
 * What is checked
 *   effect once        an effect is never committed twice                                       assertion
 *   old owner          no settlement is taken from an attempt that is not the ledger's          assertion
 *   epoch              settlements of a job come with rising epochs                             assertion
 *   begun after the end, taken from a living owner
 *                      a session begins nothing after its end, and loses nothing but by its end    assertions
 *   job lost           when nothing more happens, every job has succeeded, once                 assertion, at the end
 *   no ticket, owned by the dead
 *                      the reconciler finds nothing to mend in the ledger before PostgreSQL crashes         assertions
 *   agreement          then Redis holds nothing, and no ticket is left                          assertion, at the end
 *   no end             something can go on for ever (checked by a second run: no cycle at all)  non-progress cycle
 *   stuck              a part can go on no more, at a place where it may not end                invalid end state
 *   Every fault is counted down, and each action uses something up. So a model without cycles comes to an end on each
 *   of its paths, and "lost" at an end means lost: no assumption about fairness is needed.
 *
 * Sizes and faults (-D…=n): JOBS; FAMILY_FROM (jobs from this number on work on a family's database); FAILS (handlers
 *   that throw), CRASHES (of a worker; of the dispatcher or the reaper between two of its steps), EXPIRIES (leases that
 *   end although the worker lives), LOST (replies that are lost: to a claim, a begin, a settlement), FLUSHES (Redis
 *   is emptied), RESTARTS (Redis comes back without its last writes), PG_CRASHES (PostgreSQL loses commits that nobody
 *   waited for), PASSES (passes of the reconciler that nothing called for).
 * Planted bugs (-D…): see `bug` in the script `check`.
 */

#ifndef JOBS
#define JOBS 1
#endif
#ifndef FAMILY_FROM
#define FAMILY_FROM JOBS
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef LOST
#define LOST 0
#endif
#ifndef FLUSHES
#define FLUSHES 0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef PG_CRASHES
#define PG_CRASHES 0
#endif
#ifndef PASSES
#define PASSES 0
#endif

#define WORKERS 2
/* Numbered from 1; 0 is nobody. A worker whose session has ended, or that died, goes on under a new one. */
#define SESSIONS (WORKERS + CRASHES + EXPIRIES)
/* Attempts that a worker can have in its table: more than one of a job, if they differ in their epoch. Slot k is for
 * attempts of job k % JOBS. */
#define SLOTS (3 * JOBS)

#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)
/* The jobs of which something is true. */
#if JOBS == 1
#define ALL(is) (is(0))
#elif JOBS == 2
#define ALL(is) ((is(0)) | ((is(1)) << 1))
#else
#define ALL(is) ((is(0)) | ((is(1)) << 1) | ((is(2)) << 2))
#endif

mtype = { absent, available, scheduled, running, succeeded };

/* --- PostgreSQL ---------------------------------------------------------------------------------------------- */

typedef Ledger {
    mtype state[JOBS] = absent;
    byte epoch[JOBS];
    byte owner[JOBS];               /* session_id */
    byte begun[JOBS];               /* no column: which begin this is, by a count that nothing sets back */
    byte tickets[JOBS];             /* job_dispatches: a set of ticket numbers */
    byte claims[SESSIONS + 1];      /* job_claims: sets of jobs */
    byte stragglers
};
Ledger ledger;
Ledger disk;                        /* what a crash would leave; of use only while `unsaved` */
bool unsaved;                       /* commits were made since `disk` that nobody waited for */
/* Changed by commits that are waited for only: a crash takes nothing of these. */
short ended;                        /* worker_sessions: a set */
byte settled_seq, candidate_seq;    /* reconciliation; a job's seq is its number + 1 */
byte next_ticket[JOBS];
byte inbox;                         /* job_inbox on the families' databases: a set of jobs */

/* --- Redis --------------------------------------------------------------------------------------------------- */

typedef Redis {
    byte lane;                      /* a set of jobs */
    byte held[SESSIONS + 1];        /* {…}:run:<session> */
    short gone;                     /* {…}:gone:<session> */
    short known;                    /* {<ns>}:sessions */
    bool open                       /* {…}:state */
};
Redis redis;
Redis dump;                         /* what a restart would bring back; of use only while `undumped` */
bool undumped;                      /* writes were made since `dump` that a restart would lose */

/* --- What the outside sees, and what is left of each fault --------------------------------------------------- */

byte effects[JOBS];                 /* committed effects */
byte settled_epoch[JOBS];           /* of the last settlement that was taken */
byte begins[JOBS];
byte sessions = 1;                  /* the next session's number */
short dead;                         /* sessions whose process died */

byte fails_left = FAILS, crashes_left = CRASHES, expiries_left = EXPIRIES, lost_left = LOST;
byte flushes_left = FLUSHES, restarts_left = RESTARTS, pg_crashes_left = PG_CRASHES, passes_left = PASSES;

/* Any job of a set that is not empty. */
inline choose(j, set) {
    j = 0;
    do
    :: HAS(set, j) -> break
    :: ((set) >> (j + 1)) != 0 -> j++
    od
}

inline copy_ledger(to, from) {
    d_step {
        i = 0;
        do
        :: i < JOBS ->
            to.state[i] = from.state[i]; to.epoch[i] = from.epoch[i]; to.owner[i] = from.owner[i];
            to.begun[i] = from.begun[i]; to.tickets[i] = from.tickets[i]; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i <= SESSIONS -> to.claims[i] = from.claims[i]; i++
        :: else -> break
        od;
        to.stragglers = from.stragglers;
        i = 0
    }
}

inline forget_disk() {
    d_step {
        i = 0;
        do
        :: i < JOBS ->
            disk.state[i] = absent; disk.epoch[i] = 0; disk.owner[i] = 0; disk.begun[i] = 0; disk.tickets[i] = 0; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i <= SESSIONS -> disk.claims[i] = 0; i++
        :: else -> break
        od;
        disk.stragglers = 0;
        unsaved = false;
        i = 0
    }
}

/* Before a commit that is not waited for (synchronous_commit off): from here on a crash may set the ledger back to what
 * it is now. Or not: the WAL writer may be quick. */
inline commits_lazily() {
    if
    :: pg_crashes_left > 0 && !unsaved -> copy_ledger(disk, ledger); unsaved = true
    :: true
    fi
}

/* After a commit that is waited for: all commits before it are on disk with it. */
inline commit() {
    if
    :: unsaved -> forget_disk()
    :: else
    fi
}

inline copy_redis(to, from) {
    d_step {
        to.lane = from.lane; to.gone = from.gone; to.known = from.known; to.open = from.open;
        i = 0;
        do
        :: i <= SESSIONS -> to.held[i] = from.held[i]; i++
        :: else -> break
        od;
        i = 0
    }
}

inline forget_redis(which) {
    d_step {
        which.lane = 0; which.gone = 0; which.known = 0; which.open = false;
        i = 0;
        do
        :: i <= SESSIONS -> which.held[i] = 0; i++
        :: else -> break
        od;
        i = 0
    }
}

/* Before a write to Redis: from here on a restart may set Redis back to what it is now. */
inline writes() {
    if
    :: restarts_left > 0 && !undumped -> copy_redis(dump, redis); undumped = true
    :: true
    fi
}

inline give_ticket(j) {
    assert(next_ticket[j] < 8);
    ledger.tickets[j] = ledger.tickets[j] | BIT(next_ticket[j]);
    next_ticket[j]++
}

/* An effect is committed. */
inline effect(j) {
    effects[j]++;
    assert(effects[j] <= 1)                                                     /* effect once */
}

/* --- Enqueueing: a job's row and its ticket in one transaction; transactions may commit in any order. -------- */

proctype Enqueue(byte job) {
    byte i;
    atomic {
        ledger.state[job] = available;
        give_ticket(job);
        commit()
    }
}

/* --- The dispatcher (Dispatcher.swift) ----------------------------------------------------------------------- */

#ifdef CURSOR_BY_ID
/* Planted: no ticket says that a job is new; a cursor does, the highest seq that was seen. */
byte cursor;
#define DUE(j) (ledger.tickets[j] != 0 && ((j) + 1 > cursor || ledger.epoch[j] > 0))
#else
#define DUE(j) (ledger.tickets[j] != 0)
#endif

proctype Dispatcher() {
    byte i, job, taken;             /* taken: the tickets that were taken up, of one job */
    bool runnable, must_push, must_finish;
end:
    do
    /* promote_due.sql */
    :: atomic {
        taken == 0 && ALL(DUE) != 0 ->
            choose(job, ALL(DUE));
            taken = ledger.tickets[job];
#ifdef CURSOR_BY_ID
            if
            :: job + 1 > cursor -> cursor = job + 1
            :: else
            fi;
#endif
            if
            :: ledger.state[job] == scheduled -> commits_lazily(); ledger.state[job] = available
            :: else
            fi;
            runnable = (ledger.state[job] == available);
            must_push = true;
            must_finish = true
        }
    /* push_durable.lua */
#ifdef TICKET_DELETED_BEFORE_PUSH
    :: atomic { must_push && !must_finish ->
#else
    :: atomic { must_push ->
#endif
            if
            :: runnable -> writes(); redis.lane = redis.lane | BIT(job)
            :: else
            fi;
#ifdef TICKET_DELETED_BEFORE_PUSH
            job = 0; taken = 0; runnable = false;
#endif
            must_push = false
        }
    /* finish_dispatch.sql */
#ifdef TICKET_DELETED_BEFORE_PUSH
    :: atomic { must_finish ->
#else
    :: atomic { must_finish && !must_push ->
#endif
            commits_lazily();
#ifdef TICKETS_DELETED_BY_JOB
            ledger.tickets[job] = 0;
#else
            ledger.tickets[job] = ledger.tickets[job] & ~taken;
#endif
#ifndef NO_STRAGGLERS
            if
            :: job + 1 <= candidate_seq -> ledger.stragglers = ledger.stragglers | BIT(job)
            :: else
            fi;
#endif
#ifndef TICKET_DELETED_BEFORE_PUSH
            job = 0; taken = 0; runnable = false;
#endif
            must_finish = false
        }
    /* Its process dies; another session's dispatcher begins anew. */
    :: d_step {
        taken != 0 && crashes_left > 0 ->
            crashes_left--; job = 0; taken = 0; runnable = false; must_push = false; must_finish = false
        }
    od
}

/* --- A worker ------------------------------------------------------------------------------------------------ */

#define OWNS(k, j) (SAME_EPOCH(k, j) && SAME_SESSION(j))
#ifdef NO_EPOCH_CHECK
#define SAME_EPOCH(k, j) (ledger.state[j] == running)
#else
#define SAME_EPOCH(k, j) (ledger.epoch[j] == epoch[k])
#endif
#ifdef NO_SESSION_CHECK
#define SAME_SESSION(j) (ledger.state[j] == running)
#else
#define SAME_SESSION(j) (ledger.owner[j] == session)
#endif

/* The ledger takes a settlement. */
inline take_settlement(k, j, next) {
    /* If the ledger lost a begin in a crash, the next may have the same epoch, in the same session even. That one then
     * finds its attempt here and is left out; also when this one ends before the reply to that begin has come. */
    assert(ledger.begun[j] == begun[k] || HAS(claimed, j));                     /* old owner */
    assert(epoch[k] > settled_epoch[j]);                                        /* epoch */
    settled_epoch[j] = epoch[k];
    ledger.state[j] = next;
    ledger.owner[j] = 0;
    ledger.begun[j] = 0
}

/* An attempt is over: Redis is to be told with the next claim. */
inline drop(k, j) {
    at_work = at_work & ~BIT(k); won = won & ~BIT(k); failed = failed & ~BIT(k); epoch[k] = 0; begun[k] = 0;
    acknowledged = acknowledged | BIT(j)
}

/* Forgets all that the process knew: its session was ended by others, or it died. */
inline forget_attempts() {
    d_step {
        k = 0;
        do
        :: k < SLOTS -> epoch[k] = 0; begun[k] = 0; k++
        :: else -> break
        od;
        k = 0;
        do
        :: k < JOBS -> new_epoch[k] = 0; new_begun[k] = 0; k++
        :: else -> break
        od;
        k = 0; told = 0; at_work = 0; won = 0; failed = 0; claimed = 0; unsure = 0; popped = 0; acknowledged = 0
    }
}

/* Goes on under a new session: registered in the ledger, waited for; then in Redis. */
inline register() {
    session = sessions;
    sessions++;
    assert(session <= SESSIONS);
    commit();
    writes();
    redis.known = redis.known | BIT(session)
}

inline lose_session() {
    forget_attempts();
#ifndef LOST_SESSION_LEAVES
    /* What Redis gave it after its end goes back (take_back.lua). */
    writes();
    redis.lane = redis.lane | redis.held[session];
    redis.held[session] = 0;
    redis.known = redis.known & ~BIT(session);
    redis.gone = redis.gone | BIT(session);
#endif
    register()
}

/* The jobs in its table, and those that it knows of. */
#define ATTEMPTS (at_work | won | failed)
#define IN_TABLE ((ATTEMPTS | (ATTEMPTS >> JOBS) | (ATTEMPTS >> (2 * JOBS))) & (BIT(JOBS) - 1))
#define KNOWN (IN_TABLE | acknowledged)
#define IS_IN(k, j) (HAS(ATTEMPTS, k) && epoch[k] == ledger.epoch[j])
#define UNKNOWN(j) (ledger.state[j] == running && ledger.owner[j] == session && !HAS(told, j) \
    && !IS_IN(j, j) && !IS_IN(j + JOBS, j) && !IS_IN(j + 2 * JOBS, j))

/* Takes a begun job into its table; a second hint of an attempt that is there is left out. */
inline assign(j) {
    if
    :: HAS(ATTEMPTS, j) && epoch[j] == new_epoch[j] -> begun[j] = new_begun[j]
    :: HAS(ATTEMPTS, j + JOBS) && epoch[j + JOBS] == new_epoch[j] -> begun[j + JOBS] = new_begun[j]
    :: HAS(ATTEMPTS, j + 2 * JOBS) && epoch[j + 2 * JOBS] == new_epoch[j] -> begun[j + 2 * JOBS] = new_begun[j]
    :: else ->
        k = j;
        do
        :: HAS(ATTEMPTS, k) && k + JOBS < SLOTS -> k = k + JOBS
        :: else -> break
        od;
        assert(!HAS(ATTEMPTS, k));
        at_work = at_work | BIT(k); epoch[k] = new_epoch[j]; begun[k] = new_begun[j];
        k = 0
    fi;
    new_epoch[j] = 0; new_begun[j] = 0;
    told = told & ~BIT(j); claimed = claimed & ~BIT(j); unsure = unsure & ~BIT(j)
}

proctype Worker() {
    byte session;
    byte claimed;                   /* jobs that Redis gave it, not begun yet */
    byte unsure;                    /* those of them of whose begin it got no reply */
    byte told;                      /* those of them that are begun, the reply being on its way: with this epoch */
    byte new_epoch[JOBS], new_begun[JOBS];
    byte acknowledged;              /* jobs that leave the running set with the next claim */
    byte popped;                    /* only with CLAIM_IN_TWO_STEPS */
    byte epoch[SLOTS], begun[SLOTS];
    short at_work, won, failed;     /* slots: the handler runs; it won; it failed. The latter two are to be settled */
    byte i, j, k;

    atomic { register() }
end:
    do
    /* claim_jobs.lua: what is settled leaves the running set, then a job enters it. */
    :: atomic {
        (redis.lane != 0 && redis.open && !HAS(redis.gone, session) && popped == 0) || acknowledged != 0 ->
            writes();
            redis.held[session] = redis.held[session] & ~acknowledged;
            acknowledged = 0;
            if
            :: HAS(redis.gone, session) -> lose_session()
            :: !HAS(redis.gone, session) && (redis.lane == 0 || !redis.open)
            :: !HAS(redis.gone, session) && redis.lane != 0 && redis.open ->
                choose(j, redis.lane);
                redis.lane = redis.lane & ~BIT(j);
#ifdef CLAIM_IN_TWO_STEPS
                popped = BIT(j);
#else
                redis.held[session] = redis.held[session] | BIT(j);
                if
                :: claimed = claimed | BIT(j)
                :: lost_left > 0 -> lost_left--
                fi;
#endif
                j = 0
            fi
        }
#ifdef CLAIM_IN_TWO_STEPS
    :: atomic {
        popped != 0 ->
            writes();
            redis.held[session] = redis.held[session] | popped;
            claimed = claimed | popped;
            popped = 0
        }
#endif
    /* begin_jobs.sql */
    :: atomic {
        (claimed & ~told) != 0 ->
            choose(j, claimed & ~told);
            if
#ifdef BEGIN_TRUSTS_REDIS
            :: ledger.state[j] != absent && !HAS(ended, session) ->
#else
#ifdef BEGIN_IGNORES_END
            :: ledger.state[j] == available ->
#else
            :: ledger.state[j] == available && !HAS(ended, session) ->
#endif
#endif
                assert(!HAS(ended, session));                                   /* begun after the end */
                commits_lazily();
                begins[j]++;
                ledger.state[j] = running;
                ledger.epoch[j]++;
                ledger.owner[j] = session;
                ledger.begun[j] = begins[j];
                ledger.claims[session] = ledger.claims[session] | BIT(j);
                told = told | BIT(j); new_epoch[j] = ledger.epoch[j]; new_begun[j] = ledger.begun[j]
            /* The same call again: it returns what the first began. */
            :: else ->
                if
                :: HAS(unsure, j) && ledger.state[j] == running && ledger.owner[j] == session ->
                    told = told | BIT(j); new_epoch[j] = ledger.epoch[j]; new_begun[j] = ledger.begun[j]
                /* A stale hint. */
                :: else ->
                    acknowledged = acknowledged | BIT(j);
                    claimed = claimed & ~BIT(j); unsure = unsure & ~BIT(j)
                fi
            fi;
            j = 0
        }
    /* Its reply. */
    :: atomic {
        told != 0 ->
            choose(j, told);
            if
            :: assign(j)
            :: lost_left > 0 ->
                lost_left--;
                unsure = unsure | BIT(j); told = told & ~BIT(j); new_epoch[j] = 0; new_begun[j] = 0
            fi;
            j = 0
        }
    /* A handler ends: it throws, or its effect is committed. */
    :: atomic {
        at_work != 0 ->
            choose(k, at_work);
            j = k % JOBS;
            at_work = at_work & ~BIT(k);
            if
            :: fails_left > 0 -> fails_left--; failed = failed | BIT(k)
            /* On a family's database: with its inbox row (Inbox.swift). The settlement comes later. */
            :: j >= FAMILY_FROM ->
#ifdef NO_INBOX
                effect(j);
#else
                if
                :: !HAS(inbox, j) -> inbox = inbox | BIT(j); effect(j)
                :: else
                fi;
#endif
                won = won | BIT(k)
            /* On the platform's: in one transaction with the settlement (DurableAttempt.swift). */
            :: j < FAMILY_FROM ->
#ifdef EFFECT_APART
                effect(j);
                won = won | BIT(k)
#else
                if
                :: OWNS(k, j) ->
                    effect(j);
                    take_settlement(k, j, succeeded);
                    commit();
                    if
                    :: drop(k, j)
                    /* No reply: as far as it knows the handler failed. The ledger will refuse that. */
                    :: lost_left > 0 -> lost_left--; failed = failed | BIT(k)
                    fi
                :: else -> drop(k, j)
                fi
#endif
            fi;
            j = 0; k = 0
        }
    /* settle_jobs.sql, settle_succeeded.sql */
    :: atomic {
        (won | failed) != 0 ->
            choose(k, won | failed);
            j = k % JOBS;
            if
            :: OWNS(k, j) ->
                if
                :: HAS(won, k) -> take_settlement(k, j, succeeded)
                :: else -> take_settlement(k, j, scheduled); give_ticket(j)
                fi;
                commit();
                if
                :: drop(k, j)
                :: lost_left > 0 -> lost_left--         /* written once more, and found done */
                fi
            :: else -> drop(k, j)                       /* fenced */
            fi;
            j = 0; k = 0
        }
    /* Heartbeats: the ledger says that the session has ended; or Redis does not know it, and the ledger does. */
    :: atomic { HAS(ended, session) -> lose_session() }
    :: atomic {
        !HAS(redis.known, session) && !HAS(ended, session) ->
            writes();
            redis.known = redis.known | BIT(session)
        }
#ifndef NO_STRAY_LOOK
    /* WorkerSession.giveBackStrays: Redis holds something for it that it does not know of. */
    :: atomic {
        claimed == 0 && popped == 0 && (redis.held[session] & ~KNOWN) != 0 ->
            writes();
            redis.lane = redis.lane | (redis.held[session] & ~KNOWN);
            redis.held[session] = redis.held[session] & KNOWN
        }
#endif
    /* WorkerSession.checkItself: the ledger holds something for it that it does not run. */
    :: atomic {
        ALL(UNKNOWN) != 0 ->
            choose(j, ALL(UNKNOWN));
            ledger.state[j] = available; ledger.owner[j] = 0; ledger.begun[j] = 0;
            give_ticket(j);
            commit();
            j = 0
        }
    /* The process dies; another takes its place. */
    :: atomic {
        crashes_left > 0 ->
            crashes_left--;
            dead = dead | BIT(session);
            forget_attempts();
            register()
        }
    od
}

/* --- The reaper: a supervisor, or the caretaker (SessionReaper.swift) ---------------------------------------- */

/* Sessions that may be ended: of the dead; of the living, by their lease. */
#define TO_END ((BIT(sessions) - 2) & ~ended & (expiries_left > 0 -> 1023 : dead))

proctype Reaper() {
    byte i, j, s;
    byte reaping;                   /* a session that is ended in the ledger, and not yet in Redis */
end:
    do
    /* end_session.sql and reap_claims.sql, one transaction; once. */
    :: atomic {
        reaping == 0 && TO_END != 0 ->
            choose(s, TO_END);
            if
            :: !HAS(dead, s) -> expiries_left--
            :: else
            fi;
            ended = ended | BIT(s);
            reaping = s;
#ifndef REAP_NOT_ATOMIC
            j = 0;
            do
            :: j < JOBS ->
#ifdef REAP_WITHOUT_OWNER
                if
                :: HAS(ledger.claims[s], j) && ledger.state[j] == running ->
#else
                if
                :: HAS(ledger.claims[s], j) && ledger.state[j] == running && ledger.owner[j] == s ->
#endif
                    assert(ledger.owner[j] == s);                               /* taken from a living owner */
                    ledger.state[j] = available; ledger.owner[j] = 0; ledger.begun[j] = 0;
#ifndef REAP_WITHOUT_TICKET
                    give_ticket(j)
#endif
                :: else
                fi;
                j++
            :: else -> break
            od;
            j = 0;
            ledger.claims[s] = 0;
#endif
            s = 0;
            commit()
        }
#ifdef REAP_NOT_ATOMIC
    /* Planted: the jobs are taken back in a transaction of their own. */
    :: atomic {
        reaping != 0 && ledger.claims[reaping] != 0 ->
            j = 0;
            do
            :: j < JOBS ->
                if
                :: HAS(ledger.claims[reaping], j) && ledger.state[j] == running && ledger.owner[j] == reaping ->
                    ledger.state[j] = available; ledger.owner[j] = 0; ledger.begun[j] = 0; give_ticket(j)
                :: else
                fi;
                j++
            :: else -> break
            od;
            j = 0;
            ledger.claims[reaping] = 0;
            commit()
        }
#endif
    /* take_back.lua, then forget_session.lua: of the session just ended, or of one that Redis knows and the ledger has
     * ended (Caretaker.finishReaping). */
    :: atomic {
        reaping != 0 || (redis.known & ended) != 0 ->
            if
            :: reaping != 0 -> s = reaping
            :: reaping == 0 -> choose(s, redis.known & ended)
            fi;
            writes();
            redis.lane = redis.lane | redis.held[s];
            redis.held[s] = 0;
            redis.gone = redis.gone | BIT(s);
            redis.known = redis.known & ~BIT(s);
            reaping = 0; s = 0
        }
    /* It dies in between. */
    :: d_step { reaping != 0 && crashes_left > 0 -> crashes_left--; reaping = 0 }
    od
}

/* --- The reconciler (Reconciler.swift) ----------------------------------------------------------------------- */

#define SEEN(j) ((j) + 1 > settled_seq || HAS(ledger.stragglers, j))
#define LACKS(j) (SEEN(j) && ((ledger.state[j] == available && !HAS(redis.lane, j)) \
    || (ledger.state[j] == scheduled && ledger.tickets[j] == 0)))
#ifdef NO_RECONCILE
#define MUST_MEND false
#else
#define MUST_MEND (!redis.open || ALL(LACKS) != 0)
#endif

proctype Reconciler() {
    byte i, j, found;
    bool passing;
end:
    do
    /* A pass comes every so often, whether there is cause or not; it need not come before all else has come to rest. */
    :: atomic {
        !passing && (passes_left > 0 || (timeout && MUST_MEND)) ->
            if
            :: passes_left > 0 -> passes_left--
            :: else
            fi;
            /* set_queue_state.lua */
            if
            :: !redis.open -> writes(); redis.open = true
            :: else
            fi;
            /* give_tickets.sql, note_orphans.sql; then stragglers.sql, available_jobs.sql */
            j = 0;
            do
            :: j < JOBS ->
                if
                /* A crash may take back a promotion whose ticket is then taken away all the same. */
                :: SEEN(j) && ledger.state[j] == scheduled && ledger.tickets[j] == 0 ->
                    assert(pg_crashes_left < PG_CRASHES);                       /* no ticket */
                    give_ticket(j)
                /* It would be mended, too; but there is nothing of the kind. */
                :: SEEN(j) && ledger.state[j] == running ->
                    assert(!HAS(ended, ledger.owner[j]))                        /* owned by the dead */
                :: else
                fi;
                if
                :: SEEN(j) && ledger.state[j] == available -> found = found | BIT(j)
                :: else
                fi;
                j++
            :: else -> break
            od;
            j = 0;
            commit();
            passing = true
        }
    /* push_durable.lua; then advance_watermark.sql, forget_stragglers.sql */
    :: atomic {
        passing ->
            if
            :: found != 0 -> writes(); redis.lane = redis.lane | found
            :: else
            fi;
            found = 0;
            j = 0;
            do
            :: j < JOBS ->
                if
                :: j + 1 > settled_seq && j + 1 <= candidate_seq && (ledger.state[j] == available
                    || ledger.state[j] == running || (ledger.state[j] == scheduled && ledger.tickets[j] == 0)) ->
                    ledger.stragglers = ledger.stragglers | BIT(j)
                :: else
                fi;
                if
                :: ledger.state[j] == succeeded -> ledger.stragglers = ledger.stragglers & ~BIT(j)
                :: else
                fi;
                j++
            :: else -> break
            od;
            if
            :: candidate_seq > settled_seq -> settled_seq = candidate_seq
            :: else
            fi;
            j = JOBS;
            do
            :: j > candidate_seq && ledger.state[j - 1] != absent -> candidate_seq = j; break
            :: j > candidate_seq && ledger.state[j - 1] == absent -> j--
            :: else -> break
            od;
            j = 0;
            commit();
            passing = false
        }
    od
}

/* --- Faults of the servers ----------------------------------------------------------------------------------- */

proctype Faults() {
    byte i;
end:
    do
    /* FLUSHALL */
    :: atomic { flushes_left > 0 -> flushes_left--; writes(); forget_redis(redis) }
    /* Redis comes back without its last writes. */
    :: atomic {
        undumped ->
            restarts_left--;
            copy_redis(redis, dump);
            forget_redis(dump);
            undumped = false
        }
    /* PostgreSQL comes back without the last commits that nobody waited for. */
    :: atomic {
        unsaved ->
            pg_crashes_left--;
            copy_ledger(ledger, disk);
            forget_disk()
        }
    od
}

/* --- The judge: when nothing more can happen ----------------------------------------------------------------- */

proctype Judge() {
    byte j;
end:
    atomic {
        timeout && !MUST_MEND ->
            j = 0;
            do
            :: j < JOBS ->
                assert(ledger.state[j] == succeeded);                           /* job lost */
                assert(effects[j] == 1);                                        /* effect lost */
                assert(ledger.tickets[j] == 0);                                 /* agreement */
                assert(ledger.owner[j] == 0);                                   /* agreement */
                j++
            :: else -> break
            od;
            assert(redis.lane == 0);                                            /* agreement */
            j = 1;
            do
            :: j <= SESSIONS -> assert(redis.held[j] == 0); j++                  /* agreement */
            :: else -> break
            od;
            j = 0
    }
}

init {
    byte i;
    atomic {
        redis.open = true;
        i = 0;
        do
        :: i < JOBS -> run Enqueue(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < WORKERS -> run Worker(); i++
        :: else -> break
        od;
        i = 0;
        run Dispatcher();
        run Reaper();
#ifndef NO_RECONCILE
        run Reconciler();
#endif
        run Faults();
        run Judge()
    }
}
