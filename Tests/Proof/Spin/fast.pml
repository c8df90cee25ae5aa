/*
 * Fast jobs: Redis alone, two workers, a reaper that asks the ledger who has ended, and what may go wrong between them.
 * Checked by spin; `make spin` runs it (Tests/Proof/Spin/check). durable.pml says how to read such a model.
 *
 * What is modelled
 *   A step is one Lua script, one statement of the ledger, or one turn of a worker. Redis holds the lane (delayed jobs
 *   with it: they are due at once), the running sets, `gone`, the sessions, the keys of ids that callers minted.
 *   Of the ledger there is what fast jobs use: which sessions have ended, and the inbox of effects.
 *
 * What is checked
 *   two places    a job is in the lane, in one running set, or done                            assertion, at each step
 *   old owner     a settlement is taken only from the session that holds the job                 assertion
 *   effect once   an effect with an inbox row is never committed twice                           assertion
 *   job lost      when nothing more happens, every job is done, and its effect is committed      assertion, at the end
 *   agreement     then Redis holds nothing any more                                              assertion, at the end
 *   no end        something can go on for ever (checked by a second run: no cycle at all)        non-progress cycle
 *   While Redis remembers, that is. With FLUSHES or RESTARTS a job may be lost (that is what the class `fast` says), or
 *   come back; the other properties are checked all the same.
 *
 * Sizes and faults (-D…=n): JOBS, FAILS, CRASHES, EXPIRIES, LOST (replies: to an enqueue, a claim, a settlement),
 *   FORGETS (the mark of a reaped session expires: the worker was stopped for more than an hour), FLUSHES, RESTARTS.
 * Planted bugs (-D…): see `bug` in the script `check`.
 */

#ifndef JOBS
#define JOBS 1
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
#ifndef FORGETS
#define FORGETS 0
#endif
#ifndef FLUSHES
#define FLUSHES 0
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif

#define WORKERS 2
#define SESSIONS (WORKERS + CRASHES + EXPIRIES)
#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)

typedef Redis {
    byte lane;                      /* a set of jobs, as are the next two */
    byte held[SESSIONS + 1];        /* {…}:run:<session> */
    byte keys;                      /* {…}:key:<digest> */
    short gone;                     /* {…}:gone:<session> */
    short known;                    /* {<ns>}:sessions */
    bool open                       /* {…}:state */
};
Redis redis;
Redis dump;                         /* what a restart would bring back; of use only while `undumped` */
bool undumped;

short ended;                        /* worker_sessions, in the ledger */
byte inbox;                         /* job_inbox: a set of jobs */
byte effects[JOBS];
byte done;                          /* jobs that were settled as successes, or that Redis lost */
byte sessions = 1;
short dead;
bool forgot;                        /* Redis has lost something */

byte fails_left = FAILS, crashes_left = CRASHES, expiries_left = EXPIRIES, lost_left = LOST;
byte forgets_left = FORGETS, flushes_left = FLUSHES, restarts_left = RESTARTS;

inline choose(j, set) {
    j = 0;
    do
    :: HAS(set, j) -> break
    :: ((set) >> (j + 1)) != 0 -> j++
    od
}

inline copy_redis(to, from) {
    d_step {
        to.lane = from.lane; to.keys = from.keys; to.gone = from.gone; to.known = from.known; to.open = from.open;
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
        which.lane = 0; which.keys = 0; which.gone = 0; which.known = 0; which.open = false;
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

/* After a write to Redis: no job is in two places, and while Redis remembers, none in no place. */
inline look() {
    d_step {
        all = redis.lane;
        i = 1;
        do
        :: i <= SESSIONS ->
            assert((all & redis.held[i]) == 0);                                 /* two places */
            all = all | redis.held[i];
            i++
        :: else -> break
        od;
        assert(forgot || (all & done) == 0);                                    /* two places */
        assert(forgot || (all | done) == redis.keys);                           /* job lost */
        all = 0; i = 0
    }
}

/* push_fast.lua, with an id that the caller minted: it may be sent again. */
proctype Enqueue(byte job) {
    byte i, all;
again:
    atomic {
        writes();
#ifdef NO_KEY
        redis.lane = redis.lane | BIT(job);
#else
        if
        :: !HAS(redis.keys, job) -> redis.lane = redis.lane | BIT(job)
        :: else
        fi;
#endif
        redis.keys = redis.keys | BIT(job);
        look();
        if
        :: true
        :: lost_left > 0 -> lost_left--; goto again
        fi
    }
}

inline forget_attempts() {
    at_work = 0; won = 0; failed = 0; written = 0; unsure = 0; popped = 0
}

inline register() {
    session = sessions;
    sessions++;
    assert(session <= SESSIONS);
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
    redis.gone = redis.gone | BIT(session);
    redis.known = redis.known & ~BIT(session);
    look();
#endif
    register()
}

#define IN_TABLE (at_work | won | failed | written)

proctype Worker() {
    byte session;
    byte at_work, won, failed;      /* jobs in its table: the handler runs; it won; it failed, and is to run again */
    byte written;                   /* settled in Redis, the reply being on its way */
    byte unsure;                    /* those of `won` and `failed` that may be written already */
    byte popped;                    /* only with CLAIM_IN_TWO_STEPS */
    byte i, j, all;

    atomic { register() }
end:
    do
    /* claim_jobs.lua */
    :: atomic {
        redis.lane != 0 && redis.open && popped == 0 ->
            writes();
            if
            :: HAS(redis.gone, session) -> lose_session()
            :: else ->
                choose(j, redis.lane);
                redis.lane = redis.lane & ~BIT(j);
#ifdef CLAIM_IN_TWO_STEPS
                popped = BIT(j);
#else
#ifndef POP_ONLY
                redis.held[session] = redis.held[session] | BIT(j);
                look();
#endif
                if
                /* An attempt that is in the table still is left out. */
                :: !HAS(IN_TABLE, j) -> at_work = at_work | BIT(j)
                :: HAS(IN_TABLE, j)
                :: lost_left > 0 -> lost_left--
                fi;
#endif
                j = 0
            fi
        }
#ifdef CLAIM_IN_TWO_STEPS
    :: atomic {
        popped != 0 ->
            redis.held[session] = redis.held[session] | popped;
            at_work = at_work | popped;
            popped = 0
        }
#endif
    /* A handler ends: it throws, or its effect is committed with an inbox row. */
    :: atomic {
        at_work != 0 ->
            choose(j, at_work);
            at_work = at_work & ~BIT(j);
            if
            :: fails_left > 0 -> fails_left--; failed = failed | BIT(j)
            :: true ->
#ifdef NO_INBOX
                effects[j]++;
#else
                if
                :: !HAS(inbox, j) -> inbox = inbox | BIT(j); effects[j]++
                :: else
                fi;
#endif
                assert(effects[j] <= 1);                                        /* effect once */
                won = won | BIT(j)
            fi;
            j = 0
        }
    /* settle_fast.lua, of a success: all of a session are fenced, or none. */
    :: atomic {
        won != 0 ->
            choose(j, won);
            won = won & ~BIT(j);
            writes();
            if
            :: HAS(redis.gone, session) -> unsure = unsure & ~BIT(j)
            :: else ->
                /* When the mark of its end has expired, it is told that all is well; but nothing changes. */
                assert(HAS(unsure, j) || forgot || forgets_left < FORGETS
                    || HAS(redis.held[session], j));                            /* old owner */
                done = done | (redis.held[session] & BIT(j));
                redis.held[session] = redis.held[session] & ~BIT(j);
                look();
                if
                :: written = written | BIT(j); unsure = unsure & ~BIT(j)
                :: lost_left > 0 -> lost_left--; won = won | BIT(j); unsure = unsure | BIT(j)
                fi
            fi;
            j = 0
        }
    /* settle_fast.lua, of a job that is to run again. */
    :: atomic {
        failed != 0 ->
            choose(j, failed);
            failed = failed & ~BIT(j);
            writes();
            if
#ifdef RETRY_NOT_FENCED
            :: true ->
#else
            :: HAS(redis.held[session], j) ->
#endif
                redis.held[session] = redis.held[session] & ~BIT(j);
                redis.lane = redis.lane | BIT(j);
                look();
                if
                :: written = written | BIT(j); unsure = unsure & ~BIT(j)
                :: lost_left > 0 -> lost_left--; failed = failed | BIT(j); unsure = unsure | BIT(j)
                fi
            :: else -> unsure = unsure & ~BIT(j)
            fi;
            j = 0
        }
    :: atomic { written != 0 -> choose(j, written); written = written & ~BIT(j); j = 0 }
    /* Heartbeats. */
    :: atomic { HAS(ended, session) -> lose_session() }
    :: atomic {
        !HAS(redis.known, session) && !HAS(ended, session) -> writes(); redis.known = redis.known | BIT(session)
        }
#ifndef NO_STRAY_LOOK
    /* WorkerSession.giveBackStrays */
    :: atomic {
        popped == 0 && (redis.held[session] & ~IN_TABLE) != 0 ->
            writes();
            redis.lane = redis.lane | (redis.held[session] & ~IN_TABLE);
            redis.held[session] = redis.held[session] & IN_TABLE;
            look()
        }
#endif
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

#define TO_END ((BIT(sessions) - 2) & ~ended & (expiries_left > 0 -> 1023 : dead))
#ifdef NO_FINISH_REAPING
#define TO_REAP 0
#else
#define TO_REAP (redis.known & ended)
#endif

proctype Reaper() {
    byte i, s, all;
    byte reaping, seen;
end:
    do
    /* end_session.sql */
    :: atomic {
        reaping == 0 && TO_END != 0 ->
            choose(s, TO_END);
            if
            :: !HAS(dead, s) -> expiries_left--
            :: else
            fi;
            ended = ended | BIT(s);
            reaping = s; s = 0
        }
    /* take_back.lua, forget_session.lua */
#ifdef TAKE_BACK_IN_TWO_STEPS
    :: atomic { reaping != 0 && seen == 0 && redis.held[reaping] != 0 -> seen = redis.held[reaping] }
    :: atomic {
        reaping != 0 && (seen != 0 || redis.held[reaping] == 0) ->
            redis.lane = redis.lane | seen;
            redis.held[reaping] = redis.held[reaping] & ~seen;
            redis.gone = redis.gone | BIT(reaping);
            redis.known = redis.known & ~BIT(reaping);
            seen = 0; reaping = 0;
            look()
        }
#else
    :: atomic {
        reaping != 0 || TO_REAP != 0 ->
            if
            :: reaping != 0 -> s = reaping
            :: reaping == 0 -> choose(s, TO_REAP)
            fi;
            writes();
            redis.lane = redis.lane | redis.held[s];
            redis.held[s] = 0;
#ifndef NO_MARK
            redis.gone = redis.gone | BIT(s);
#endif
            redis.known = redis.known & ~BIT(s);
            reaping = 0; s = 0;
            look()
        }
#endif
    /* It dies in between. */
    :: d_step { reaping != 0 && crashes_left > 0 -> crashes_left--; reaping = 0; seen = 0 }
    od
}

proctype Faults() {
    byte i;
end:
    do
    :: d_step { forgets_left > 0 && redis.gone != 0 -> forgets_left--; redis.gone = 0 }
    /* FLUSHALL; the caretaker opens the queue again. */
    :: atomic { flushes_left > 0 -> flushes_left--; forgot = true; writes(); forget_redis(redis) }
    :: atomic { !redis.open -> writes(); redis.open = true }
    /* Redis comes back without its last writes. */
    :: atomic {
        undumped ->
            restarts_left--;
            forgot = true;
            copy_redis(redis, dump);
            forget_redis(dump);
            undumped = false
        }
    od
}

proctype Judge() {
    byte j;
end:
    atomic {
        timeout ->
            j = 0;
            do
            :: j < JOBS ->
                assert(forgot || HAS(done, j));                                 /* job lost */
                assert(forgot || effects[j] == 1);                              /* effect lost */
                j++
            :: else -> break
            od;
            assert(redis.lane == 0);                                            /* agreement */
            j = 1;
            do
            :: j <= SESSIONS -> assert(redis.held[j] == 0); j++                 /* agreement */
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
        run Reaper();
        run Faults();
        run Judge()
    }
}
