"""The way of a pod's account to a validator; any part of it can be done again."""

import base64
import contextlib
import json
import logging
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field

from exposer.accounts.coins import parse_coin, render_coins
from exposer.accounts.keyfile import load_keys
from exposer.errors import BadInputError, MismatchError, TemporaryError, from_input_error
from exposer.identity import PublicKey, validator_public_key
from exposer.rpc import Node, TxResult
from init_scripts.backoff import Backoff, Patience
from init_scripts.binary import KEYRING, BinaryFailedError, ChainBinary
from init_scripts.bonding import CommissionSettings, default_stake
from init_scripts.credit import ask_faucet
from init_scripts.dialect import describes_validator_by_file
from init_scripts.identity_files import VALIDATOR_KEY
from init_scripts.script import run_script
from init_scripts.settings import GAS_PRICES, GasPrices, Seconds, Url, ValidatorSet

STEP = "create-validator"
log = logging.getLogger(STEP)
_HALF_A_BLOCK = Backoff(first=0.25, cap=2.0)
_IN_A_BLOCK = 30.0  # seconds; longer than any chain's blocks take, in a network that makes any
_INSUFFICIENT_FEE = ("sdk", 13)  # cosmos-sdk, types/errors: codespace and code


class CreateValidatorSettings(CommissionSettings):
    """The environment of ``create-validator``."""

    node_url: Url = Field("http://127.0.0.1:26657", description="the RPC of this pod's node")
    faucet_url: Url = Field("", description="the faucet that is asked when the account is empty")
    validator_stake: str = Field(
        "", description="what the validator bonds; default a twentieth of what its account has"
    )
    fees: str = Field("", description="what the transaction pays in all; default what GAS_PRICES says")
    gas_prices: GasPrices = Field("", description=GAS_PRICES)
    validator_set: ValidatorSet = Field("join", description="genesis: the validator is there from the start")
    timeout: Seconds = Field(300.0, description="how long to try in all, in seconds or like 5m")
    stay: bool = Field(False, description="once the validator is there, say so and wait for SIGTERM")
    stay_file: Path = Field(Path("/tmp/registered"), description="the file that says so, with STAY")  # noqa: S108 - of a container


class Registration:
    """One pod's way from an account to a validator."""

    def __init__(self, settings: CreateValidatorSettings, node: Node, scratch: Path) -> None:
        self.settings = settings
        self.node = node
        self.patience = Patience(settings.timeout, _HALF_A_BLOCK)
        self.refusal = 0
        self.scratch = scratch
        self.binary = ChainBinary(settings.chain_bin, settings.chain_dir, self.scratch)
        self.key = load_keys(settings.keys_config).at("validators", settings.ordinal)
        self.address = self._show("--address")
        self.operator = self._show("--bech", "val", "--address")
        self.consensus_key = _consensus_key(settings.chain_dir / VALIDATOR_KEY)

    def run(self) -> None:
        """Until the validator exists; every try looks first, so that none bonds twice."""
        self._until("the node is at the tip", self._at_tip)
        self._until("the validator exists, and is not jailed", self._registered)

    def _until(self, what: str, attempt: Callable[[], bool]) -> None:
        cause = ""
        while True:
            self.binary.limit = max(self.patience.left, 1.0)
            try:
                if attempt():
                    return
            except (TemporaryError, BinaryFailedError) as error:
                if str(error) != cause:
                    cause = str(error)
                    log.warning("waiting until %s: %s", what, cause)
            if not self.patience.left:
                raise TemporaryError(
                    f"gave up after {self.settings.timeout:.0f} s waiting until {what}; last cause: {cause or 'none'}"
                )
            self.patience.pause()

    def _at_tip(self) -> bool:
        sync = self.node.sync()
        return sync.height > 0 and not sync.catching_up

    def _registered(self) -> bool:
        state = self.node.validator(self.operator)
        if state:
            self._refuse_another(state.consensus_key)
            if state.jailed:
                raise TemporaryError(self._how_to_unjail())
            if not state.bonded:
                self._refuse_no_power(state.tokens)
                most = self.node.staking().max_validators
                raise TemporaryError(
                    f"{self.operator} is a validator and not bonded, so it signs no blocks: its {state.tokens}"
                    f"{self.settings.denom} are not among the {most} largest stakes (max_validators)"
                )
            log.info("%s is a validator (bonded)", self.operator)
            return True
        balance = self.node.balance(self.address, self.settings.denom)
        if balance == 0:
            self._ask_faucet()
            return False
        if self.settings.step_script:
            self._submit_by_script()
        else:
            self._await_block(self._submit(balance))
        return False  # the next look decides

    def _refuse_another(self, consensus_key: bytes) -> None:
        """An operator has one validator for ever; where that is another node's, this one will never sign a block."""
        if consensus_key != self.consensus_key.raw:
            other = base64.b64encode(consensus_key).decode()
            raise MismatchError(
                f"{self.operator} is a validator with the consensus key {other}, and "
                f"this node has {self.consensus_key.value}; bring back the volume with that key and its signing state, "
                f"or give this pod a mnemonic of its own in KEYS_CONFIG"
            )

    def _ask_faucet(self) -> None:
        denom = self.settings.denom
        if not self.settings.faucet_url:
            raise BadInputError(
                f"{self.address} has no {denom}; fund it in the genesis (KEYS_CONFIG validators), or set FAUCET_URL"
            )
        log.info("asking the faucet for %s", denom)
        ask_faucet(self.settings.faucet_url, self.address, denom, within=self.patience.left)
        patience = Patience(min(_IN_A_BLOCK, self.patience.left), _HALF_A_BLOCK)
        while self.node.balance(self.address, denom) == 0:  # asked again too soon, it would credit twice
            if not patience.left:
                raise TemporaryError(f"what the faucet sent is in no block after {patience.spent:.0f} s")
            patience.pause()

    def _submit(self, balance: int) -> str:
        """Sign and send the transaction; returns its hash."""
        settings = self.settings
        own = parse_coin(settings.validator_stake, "VALIDATOR_STAKE") if settings.validator_stake else None
        stake = own or default_stake({settings.denom: balance}, settings.denom)
        self._refuse_what_fails(stake)
        amount = render_coins(stake)
        prices = ("--gas-prices", settings.gas_prices) if settings.gas_prices else ()
        fees = ("--fees", settings.fees) if settings.fees else prices  # the SDK takes one of the two
        by_file = describes_validator_by_file(self.binary)
        what = self._arguments(amount, by_file=by_file)
        sent = self.binary.run("tx", "staking", "create-validator", *what, *self._signed(), *fees, "--output", "json")
        answer = json.loads(sent)
        if (answer.get("codespace"), answer.get("code")) == _INSUFFICIENT_FEE and not fees:
            raise BadInputError(
                f"this chain takes no transaction for nothing; set GAS_PRICES (gasPrices in a network file) or FEES:\n"
                f"{answer.get('raw_log', '')}"
            )
        if answer.get("code", 0) != 0:
            raise TemporaryError(f"the node refused the transaction:\n{answer.get('raw_log', '')}")
        log.info("sent %s, bonding %s", answer["txhash"], amount)
        return str(answer["txhash"])

    def _refuse_what_fails(self, stake: Mapping[str, int]) -> None:
        """Raises `BadInputError` for what the chain would refuse, or take without effect, before anything is paid.

        A node that answers none of it is no reason to stop: the transaction itself shows then what becomes of it.
        """
        with contextlib.suppress(TemporaryError):
            commission, least = self.settings.commission, self.node.staking().min_commission_rate
            if problem := commission.problem(least):
                low = "COMMISSION_RATE" if least <= commission.max_rate else "COMMISSION_RATE and COMMISSION_MAX_RATE"
                raise BadInputError(
                    f"COMMISSION_RATE: {problem}; set {low} to {least} or more (commission in a network file)"
                )
        self._refuse_no_power(stake.get(self.settings.denom, 0))

    def _refuse_no_power(self, tokens: int) -> None:
        with contextlib.suppress(TemporaryError):
            if tokens < (unit := self.node.unit_of_power()):
                denom = self.settings.denom
                raise BadInputError(
                    f"{tokens}{denom} is no voting power: one unit is {unit}{denom}, and {self.operator} would sign no "
                    f"blocks; bond more (VALIDATOR_STAKE), or give the account more (coins, faucet.amount)"
                )

    def _submit_by_script(self) -> None:
        """Let the script send what makes this account a validator, and give it time to be in a block."""
        told = {"VAL_NAME": self.key.name, "VAL_ADDR": self.address}
        run_script(self.settings, told, limit=self.patience.left, workplace=f"{STEP}/script")
        patience = Patience(min(_IN_A_BLOCK, self.patience.left), _HALF_A_BLOCK)
        while not self.node.validator(self.operator):
            if not patience.left:
                raise TemporaryError(f"STEP_SCRIPT: it ended with 0, and {self.operator} is no validator after it")
            patience.pause()

    def _arguments(self, amount: str, *, by_file: bool) -> list[str]:
        """From SDK 0.50 on the validator is described by a file, before by flags; the binary's own help tells which."""
        pubkey = {"@type": self.consensus_key.type_url, "key": self.consensus_key.value}
        values = {
            "amount": amount,
            "moniker": self.settings.node_name,
            **self.settings.rates,
            "min-self-delegation": "1",
        }
        if by_file:
            path = self.scratch / "validator.json"
            path.write_text(json.dumps({"pubkey": pubkey, **values}), encoding="utf-8")
            return [str(path)]
        return [f"--{name}={value}" for name, value in {"pubkey": json.dumps(pubkey), **values}.items()]

    def _signed(self) -> list[str]:
        """How any transaction of this pod's account is signed and sent."""
        node = self.settings.node_url.replace("http://", "tcp://", 1)
        signer = ("--from", self.key.name, *KEYRING, "--chain-id", self.settings.chain_id, "--node", node)
        return [*signer, "--gas", "auto", "--gas-adjustment", "1.5", "--yes"]

    def _how_to_unjail(self) -> str:
        prices = ("--gas-prices", self.settings.gas_prices) if self.settings.gas_prices else ()
        command = (self.settings.chain_bin, "tx", "slashing", "unjail", *self._signed(), *prices)
        told = shlex.join([*command, "--home", str(self.settings.chain_dir)])
        return (
            f"{self.operator} is jailed and signs no blocks; if its node was only away for too long, unjail it once "
            f"its time is over (10 minutes by default): {told}"
        )

    def _await_block(self, tx_hash: str) -> None:
        """Until the transaction is in a block, or the validator is there: a node may keep no index of transactions.

        A transaction that its node lost is given up soon, and the next try looks before it sends another.
        """
        patience = Patience(min(_IN_A_BLOCK, self.patience.left), _HALF_A_BLOCK)
        while (result := self.node.transaction(tx_hash)) is None:
            if self.node.validator(self.operator):
                return
            if not patience.left:
                raise TemporaryError(f"transaction {tx_hash} is in no block after {patience.spent:.0f} s")
            patience.pause()
        if result.code != 0:
            self._refused(tx_hash, result)
        log.info("the transaction is in block %s", result.height)

    def _refused(self, tx_hash: str, result: TxResult) -> None:
        """A block may refuse a transaction by accident; the same refusal twice is no accident, and each costs fees."""
        again = self.refusal == result.code
        self.refusal = result.code
        told = f"transaction {tx_hash} failed in block {result.height} with code {result.code}"
        if again:
            cure = "twice for the same cause; check VALIDATOR_STAKE, FEES and what the account has"
            raise BadInputError(f"{told}, {cure}:\n{result.log}")
        raise TemporaryError(f"{told}:\n{result.log}")

    def _show(self, *how: str) -> str:
        return self.binary.run("keys", "show", self.key.name, *how, *KEYRING).strip()


def _consensus_key(path: Path) -> PublicKey:
    """The key that this pod's node signs blocks with."""
    try:
        return validator_public_key(path.read_bytes())
    except OSError as error:
        raise from_input_error(error, str(path), "run init-validator on this volume first") from error
